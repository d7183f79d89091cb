"""The incremental form of `ConversationModel`: one turn at a time, over a sliding window of turns.

While a conversation fits in the window, its probabilities equal the offline model's. Beyond that, the lowest
forward GRU still carries on from the start of the conversation, and everything that looks ahead (backward
GRUs, attention) sees the window alone. The forward GRUs above the lowest read the backward states too: they
start at the window's left edge, from the state they had at the turn before it when that was last judged.
"""

import torch
from torch import Tensor

from models.context import BiGRULayer, ContextEncoder
from models.conversation import ConversationModel, Logits
from models.gru import GRUSteps


class _Layer:
    """Both directions of a Bi-GRU layer."""

    def __init__(self, layer: BiGRULayer) -> None:
        self.forward = GRUSteps(layer.forward_gru)
        self.backward = GRUSteps(layer.backward_gru)


class _Track:
    """One modality's rolling memory: what its lowest layer made of the window's turns, and its left edge."""

    def __init__(self, encoder: ContextEncoder, window: int) -> None:
        config = encoder.config
        self.encoder = encoder
        self.layers = [_Layer(layer) for layer in encoder.layers if isinstance(layer, BiGRULayer)]
        self.gates = torch.zeros(2 * window, 3 * config.hidden)  # of the lowest backward GRU
        self.ahead = torch.zeros(2 * window, config.hidden)
        self.carried = torch.zeros(config.hidden)
        self.edges = [torch.zeros(config.hidden) for _ in self.layers[1:]]
        self.leftmost = [edge.clone() for edge in self.edges]

    def write(self, slot: int, features: Tensor | None) -> None:
        """Take in the newest turn: one step of the lowest forward GRU."""
        x = (self.encoder.absent if features is None else features)[None]
        lowest = self.layers[0]
        self.gates[slot] = lowest.backward.gates(x)[0]
        self.ahead[slot] = self.carried = lowest.forward.run(lowest.forward.gates(x), self.carried)[0]

    def compact(self, kept: slice, count: int) -> None:
        """Move the window to the front of its buffers, out of their rear half: the two never overlap."""
        for buffer in (self.gates, self.ahead):
            buffer[:count] = buffer[kept]

    def slide(self) -> None:
        """The leftmost turn leaves: upper layers will start from the states it left behind."""
        for edge, state in zip(self.edges, self.leftmost, strict=True):
            edge.copy_(state)

    def judge(self, window: slice) -> tuple[Tensor, Tensor]:
        """Stage II embeddings [1, n, 2H] and logits [1, n, C] of the turns in the window."""
        gates, ahead = self.gates[window], self.ahead[window]  # [n, 3H], [n, H]
        x = ahead
        for depth, layer in enumerate(self.layers):
            if depth:
                ahead = layer.forward.run(layer.forward.gates(x), self.edges[depth - 1])
                self.leftmost[depth - 1].copy_(ahead[0])
                gates = layer.backward.gates(x)
            x = torch.cat([ahead, layer.backward.run(gates.flip(0)).flip(0)], dim=-1)  # [n, 2H]
        return self.encoder.attend(x[None], None)


class ConversationWindow:
    """A conversation as it unfolds: at most `size` turns are looked at, however long it gets."""

    def __init__(self, model: ConversationModel, size: int = 32) -> None:
        """Start an empty conversation.

        Args:
            model: the offline form, in evaluation mode; shared between conversations.
            size: turns in the window.

        Raises:
            ValueError: the window is empty.
        """
        if size < 1:
            raise ValueError("a window holds at least one turn")
        self.size = size
        self._model = model
        self._text = _Track(model.text, size)
        self._speech = None if model.speech is None else _Track(model.speech, size)
        self._present = torch.zeros(2 * size, 2, dtype=torch.bool)  # words and sound
        self._start = 0
        self._end = 0

    def __len__(self) -> int:
        """Turns in the window now."""
        return self._end - self._start

    @torch.inference_mode()
    def append(self, text: Tensor | None, speech: Tensor | None) -> Logits:
        """Add the newest turn, and judge every turn in the window in its light.

        Args:
            text: T1 [text features], None for a turn without words.
            speech: S1 [speech features], None for a turn without sound; not read without a speech path.

        Returns:
            Logits, each [n, C], of the n turns now in the window, oldest first. When the window was full, its
            oldest turn has left it and keeps what was said of it last.
        """
        tracks = [track for track in (self._text, self._speech) if track is not None]
        if len(self) == self.size:
            self._start += 1
            for track in tracks:
                track.slide()
        if self._end == 2 * self.size:
            kept, count = slice(self._start, self._end), len(self)
            for track in tracks:
                track.compact(kept, count)
            self._present[:count] = self._present[kept]
            self._start, self._end = 0, count
        self._text.write(self._end, text)
        if self._speech is not None:
            self._speech.write(self._end, speech)
        self._present[self._end] = torch.tensor([text is not None, speech is not None])
        self._end += 1

        window = slice(self._start, self._end)
        present = self._present[window][None]  # [1, n, 2]
        fused = self._model.fuse(
            self._text.judge(window),
            None if self._speech is None else self._speech.judge(window),
            present[..., 0],
            present[..., 1],
            None,
        )
        return Logits(*(each[0] for each in fused))
