"""The incremental form of `ConversationModel`: one turn at a time, over a sliding window of turns.

While a conversation fits in the window, its probabilities equal the offline model's. Beyond that, the lowest
forward GRU still has the state of the whole conversation, while backward GRUs and attention are limited to
the window. The forward GRUs of upper layers depend on backward states: they start at the left edge of the
window, with their last state for the turn before it.
"""

from copy import deepcopy

import numpy as np
import torch
from torch import Tensor, nn

from models.context_encoder import BiGRULayer, ContextEncoder
from models.conversation import ConversationModel, Logits
from models.gru_inference import Array, GRUSteps, array
from models.single_call_networks import SingleCall


class _Layer:
    """Both directions of a Bi-GRU layer."""

    def __init__(self, layer: BiGRULayer) -> None:
        self.forward = GRUSteps(layer.forward_gru)
        self.backward = GRUSteps(layer.backward_gru)


class _Recurrence:
    """One modality's Bi-GRU, and the vector that replaces turns without the modality."""

    def __init__(self, encoder: ContextEncoder) -> None:
        self.hidden = encoder.config.hidden
        self.absent = array(encoder.absent)
        self.layers = [_Layer(layer) for layer in encoder.layers if isinstance(layer, BiGRULayer)]


class _Above(nn.Module):
    """The networks above the recurrence: attention, Stage II's heads, and Stage III."""

    def __init__(self, model: ConversationModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, text: Tensor, speech: Tensor, present: Tensor) -> Tensor:
        """States [1, n, 2H] of the window's n turns, by modality, and which are present, bool [1, n, 2].

        Returns:
            `Logits`, stacked [3, n, C].
        """
        words = self.model.text.attend(text, None)
        sound = None if self.model.speech is None else self.model.speech.attend(speech, None)
        return torch.cat(self.model.fuse(words, sound, present[..., 0], present[..., 1], None))


class IncrementalModel:
    """The parts of a `ConversationModel` that `ConversationWindow` needs; shared between conversations.

    Args:
        model: the offline form, in evaluation mode.

    Attributes:
        above: the networks above the recurrence.
    """

    def __init__(self, model: ConversationModel) -> None:
        self.text = _Recurrence(model.text)
        self.speech = None if model.speech is None else _Recurrence(model.speech)
        self.above = SingleCall(_Above(model), lambda: [self._example(turns) for turns in (3, 1, 8)])

    def _example(self, turns: int) -> tuple[Tensor, Tensor, Tensor]:
        widths = (0 if each is None else 2 * each.hidden for each in (self.text, self.speech))
        text, speech = (torch.arange(1.0 * turns * width).reshape(1, turns, width).sin() for width in widths)
        return text, speech, torch.arange(2 * turns).reshape(1, turns, 2) % 3 > 0


class _Track:
    """One modality's buffers: results of the lowest layer for the window's turns, states at its left edge."""

    def __init__(self, recurrence: _Recurrence, window: int) -> None:
        self.recurrence = recurrence
        hidden = recurrence.hidden
        # of the lowest layer: both GRUs' input gates, and the forward GRU's states
        self.forward_gates = np.zeros((2 * window, 3 * hidden), np.float32)
        self.gates = np.zeros((2 * window, 3 * hidden), np.float32)
        self.ahead = np.zeros((2 * window, hidden), np.float32)
        self.before = np.zeros(hidden, np.float32)  # the state at the turn before the window
        self.edges = np.zeros((len(recurrence.layers) - 1, hidden), np.float32)
        self.leftmost = self.edges.copy()

    def write(self, window: slice, slot: int, features: Tensor | None) -> None:
        """Add a turn of the window, a new one or in the place of an earlier one."""
        x = (self.recurrence.absent if features is None else array(features))[None]
        lowest = self.recurrence.layers[0]
        self.gates[slot] = lowest.backward.gates(x)[0]
        self.forward_gates[slot] = lowest.forward.gates(x)[0]
        before = self.before if slot == window.start else self.ahead[slot - 1]
        self.ahead[slot : window.stop] = lowest.forward.run(self.forward_gates[slot : window.stop], before)

    def compact(self, kept: slice, count: int) -> None:
        """Move the window from the rear half of the buffers to the front; the two never overlap."""
        for buffer in (self.forward_gates, self.gates, self.ahead):
            buffer[:count] = buffer[kept]

    def slide(self, left: int) -> None:
        """Remove the leftmost turn, in this slot: all layers will start from its states."""
        self.before[:] = self.ahead[left]
        self.edges[:] = self.leftmost

    def judge(self, window: slice) -> Array:
        """States [n, 2H] of the turns in the window after the last layer."""
        gates, ahead = self.gates[window], self.ahead[window]  # [n, 3H], [n, H]
        x = ahead
        for depth, layer in enumerate(self.recurrence.layers):
            if depth:
                ahead = layer.forward.run(layer.forward.gates(x), self.edges[depth - 1])
                self.leftmost[depth - 1] = ahead[0]
                gates = layer.backward.gates(x)
            x = np.concatenate([ahead, layer.backward.run(gates[::-1])[::-1]], axis=-1)  # [n, 2H]
        return x


class ConversationWindow:
    """A conversation of any length, of which the last `size` turns are classified."""

    def __init__(self, model: IncrementalModel, size: int = 32) -> None:
        """Start an empty conversation.

        Args:
            model: shared between conversations.
            size: turns in the window.

        Raises:
            ValueError: the size is below 1.
        """
        if size < 1:
            raise ValueError("a window holds at least one turn")
        self.size = size
        self._above = model.above
        self._text = _Track(model.text, size)
        self._speech = None if model.speech is None else _Track(model.speech, size)
        self._present = np.zeros((2 * size, 2), np.bool_)  # words and sound
        self._start = 0
        self._end = 0

    def __len__(self) -> int:
        """The number of turns in the window."""
        return self._end - self._start

    @torch.inference_mode()
    def append(self, text: Tensor | None, speech: Tensor | None) -> Logits:
        """Add the newest turn, and classify all turns in the window.

        Args:
            text: T1 [text features], None for a turn without words.
            speech: S1 [speech features], None for a turn without sound; ignored without a speech path.

        Returns:
            Logits, each [n, C], of the n turns now in the window, oldest first. If the window was full, its
            oldest turn is removed, and its last result is final.
        """
        tracks = self._tracks()
        if len(self) == self.size:
            for track in tracks:
                track.slide(self._start)
            self._start += 1
        if self._end == 2 * self.size:
            kept, count = slice(self._start, self._end), len(self)
            for track in tracks:
                track.compact(kept, count)
            self._present[:count] = self._present[kept]
            self._start, self._end = 0, count
        self._end += 1
        return self._write(self._end - 1, text, speech)

    @torch.inference_mode()
    def replace(self, age: int, text: Tensor | None, speech: Tensor | None) -> Logits:
        """Put a turn that went on in its own place, and judge every turn in the window again.

        Args:
            age: which turn: 0 for the newest.
            text: as for `append`.
            speech: as for `append`.

        Raises:
            IndexError: the turn is not in the window.
        """
        if not 0 <= age < len(self):
            raise IndexError(f"the window has {len(self)} turns")
        return self._write(self._end - 1 - age, text, speech)

    def _tracks(self) -> list[_Track]:
        return [track for track in (self._text, self._speech) if track is not None]

    def _write(self, slot: int, text: Tensor | None, speech: Tensor | None) -> Logits:
        window = slice(self._start, self._end)
        self._text.write(window, slot, text)
        if self._speech is not None:
            self._speech.write(window, slot, speech)
        self._present[slot] = text is not None, speech is not None
        words = self._text.judge(window)
        sound = np.empty((len(self), 0), np.float32) if self._speech is None else self._speech.judge(window)
        read = (torch.from_numpy(each)[None] for each in (words, sound, self._present[window]))
        return Logits(*self._above(*read))

    def glance(self, text: Tensor | None, speech: Tensor | None, age: int | None = None) -> Logits:
        """What `append`, or `replace` of the turn of that age, would say of this turn, [1, C] each.

        The conversation stays as it is.
        """
        shared = (self._above, *(track.recurrence for track in self._tracks()))
        trial = deepcopy(self, {id(each): each for each in shared})
        if age is None:
            return Logits(*(each[-1:] for each in trial.append(text, speech)))
        at = len(self) - 1 - age
        return Logits(*(each[at : at + 1] for each in trial.replace(age, text, speech)))
