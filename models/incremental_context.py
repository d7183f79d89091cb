"""The incremental form of Stage I of the voice and of `ConversationModel`: a sliding window over turns.

While a conversation fits in the window, its probabilities equal the offline model's. Beyond that, a voice is
still judged against all that its speaker has said (see `models.incremental_voice`), and the lowest forward
GRU has the state of the whole conversation, while backward GRUs and attention are limited to the window. The
forward GRUs of upper layers depend on backward states: they start at the left edge of the window, with their
last state for the turn before it.
"""

from collections.abc import Hashable, Mapping
from copy import deepcopy

import numpy as np
import torch
from torch import Tensor, nn

from models.context_encoder import BiGRULayer, ContextEncoder
from models.conversation import ConversationModel, Logits
from models.evidence import CERTAIN
from models.gru_inference import Array, GRUSteps, array
from models.incremental_voice import IncrementalVoice, VoiceWindow
from models.single_call_networks import SingleCall
from models.speech_classifier import SpeechClassifier


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
        self.read = len(self.absent) if encoder.config.skip else 0
        self.layers = [_Layer(layer) for layer in encoder.layers if isinstance(layer, BiGRULayer)]


class _Above(nn.Module):
    """The networks above the recurrence: attention, Stage II's heads, and Stage III."""

    def __init__(self, model: ConversationModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, text: Tensor, speech: Tensor, evidence: Tensor) -> Tensor:
        """What the tracks judge of the window's n turns [1, n, ...], and their evidence [1, n, 2].

        Returns:
            `text`, `speech` and `fused` of `Logits`, stacked [3, n, C].
        """
        words = _attended(self.model.text, text)
        sound = None if self.model.speech is None else _attended(self.model.speech, speech)
        return torch.cat(self.model.fuse(words, sound, evidence, None))


def _attended(encoder: ContextEncoder, x: Tensor) -> tuple[Tensor, Tensor]:
    width = 2 * encoder.config.hidden
    return encoder.attend(x[..., :width], x[..., width:] if encoder.config.skip else None, None)


class IncrementalModel:
    """The parts of the networks that `ConversationWindow` needs; shared between conversations.

    Args:
        model: the offline form, in evaluation mode.
        voice: Stage I of the voice, in evaluation mode; None if turns come with S1, or for a model that uses
            the words alone.

    Attributes:
        above: the networks above the recurrence.
        voice: the incremental form of Stage I of the voice, or None.
    """

    def __init__(self, model: ConversationModel, voice: SpeechClassifier | None) -> None:
        self.text = _Recurrence(model.text)
        self.speech = None if model.speech is None else _Recurrence(model.speech)
        self.voice = None if voice is None else IncrementalVoice(voice)
        self.above = SingleCall(_Above(model), lambda: [self._example(turns) for turns in (3, 1, 8)])

    @property
    def networks(self) -> list[SingleCall]:
        """What can be traced."""
        return [self.above] if self.voice is None else [self.above, self.voice.network]

    def _example(self, turns: int) -> tuple[Tensor, Tensor, Tensor]:
        widths = (0 if each is None else 2 * each.hidden + each.read for each in (self.text, self.speech))
        text, speech = (torch.arange(1.0 * turns * width).reshape(1, turns, width).sin() for width in widths)
        return text, speech, torch.arange(2 * turns).reshape(1, turns, 2) % 3 / 2


class _Track:
    """One modality's buffers: results of the lowest layer for the window's turns, states at its left edge."""

    def __init__(self, recurrence: _Recurrence, window: int) -> None:
        self.recurrence = recurrence
        hidden = recurrence.hidden
        # of the lowest layer: both GRUs' input gates, and the forward GRU's states
        self.forward_gates = np.zeros((2 * window, 3 * hidden), np.float32)
        self.gates = np.zeros((2 * window, 3 * hidden), np.float32)
        self.ahead = np.zeros((2 * window, hidden), np.float32)
        self.read = np.zeros((2 * window, recurrence.read), np.float32)
        self.before = np.zeros(hidden, np.float32)  # the state at the turn before the window
        self.edges = np.zeros((len(recurrence.layers) - 1, hidden), np.float32)
        self.leftmost = self.edges.copy()

    def write(self, window: slice, turns: Mapping[int, Tensor | None]) -> None:
        """Add turns of the window, new ones or in the place of earlier ones: features by slot."""
        slots, absent = list(turns), self.recurrence.absent
        x = np.stack([absent if each is None else array(each) for each in turns.values()])  # [m, F]
        self.read[slots] = x[:, : self.recurrence.read]
        lowest = self.recurrence.layers[0]
        self.gates[slots] = lowest.backward.gates(x)
        self.forward_gates[slots] = lowest.forward.gates(x)
        first = min(slots)
        before = self.before if first == window.start else self.ahead[first - 1]
        self.ahead[first : window.stop] = lowest.forward.run(self.forward_gates[first : window.stop], before)

    def compact(self, kept: slice, count: int) -> None:
        """Move the window from the rear half of the buffers to the front; the two never overlap."""
        for buffer in (self.forward_gates, self.gates, self.ahead, self.read):
            buffer[:count] = buffer[kept]

    def slide(self, left: int) -> None:
        """Remove the leftmost turn, in this slot: all layers will start from its states."""
        self.before[:] = self.ahead[left]
        self.edges[:] = self.leftmost

    def judge(self, window: slice) -> Array:
        """States of the window's turns after the last layer, and with a skip their features [n, 2H + F]."""
        gates, ahead = self.gates[window], self.ahead[window]  # [n, 3H], [n, H]
        x = ahead
        for depth, layer in enumerate(self.recurrence.layers):
            if depth:
                ahead = layer.forward.run(layer.forward.gates(x), self.edges[depth - 1])
                self.leftmost[depth - 1] = ahead[0]
                gates = layer.backward.gates(x)
            x = np.concatenate([ahead, layer.backward.run(gates[::-1])[::-1]], axis=-1)  # [n, 2H]
        return np.concatenate([x, self.read[window]], axis=-1)


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
        self._voices = None if model.voice is None else VoiceWindow(model.voice)
        self._evidence = np.zeros((2 * size, 2), np.float32)  # words and sound
        self._plane = np.zeros((2 * size, 2), np.float32)
        self._start = 0
        self._end = 0

    def __len__(self) -> int:
        """The number of turns in the window."""
        return self._end - self._start

    @torch.inference_mode()
    def append(
        self,
        text: Tensor | None,
        voice: Tensor | None,
        speaker: Hashable = None,
        evidence: tuple[float, float] = CERTAIN,
    ) -> Logits:
        """Add the newest turn, and classify all turns in the window.

        Args:
            text: T1 [text features], None for a turn without words.
            voice: CARE embedding [D], or S1 [speech features] if the model has no Stage I of the voice; None
                for a turn without sound; ignored without a speech path.
            speaker: whom the voice is judged against.
            evidence: of words and sound (see `models.evidence`); what is absent has none.

        Returns:
            Logits, each [n, ...], of the n turns now in the window, oldest first. If the window was full, its
            oldest turn is removed, and its last result is final.
        """
        tracks = self._tracks()
        if len(self) == self.size:
            for track in tracks:
                track.slide(self._start)
            if self._voices is not None:
                self._voices.slide()
            self._start += 1
        if self._end == 2 * self.size:
            kept, count = slice(self._start, self._end), len(self)
            for track in tracks:
                track.compact(kept, count)
            for buffer in (self._evidence, self._plane):
                buffer[:count] = buffer[kept]
            self._start, self._end = 0, count
        self._end += 1
        judged = {len(self) - 1: voice} if self._voices is None else self._voices.append(voice, speaker)
        return self._write(len(self) - 1, text, judged, evidence)

    @torch.inference_mode()
    def replace(
        self,
        age: int,
        text: Tensor | None,
        voice: Tensor | None,
        evidence: tuple[float, float] = CERTAIN,
    ) -> Logits:
        """Put a turn that went on in its own place, and judge every turn in the window again.

        Args:
            age: which turn: 0 for the newest. Its speaker stays.
            text: as for `append`.
            voice: as for `append`.
            evidence: as for `append`.

        Raises:
            IndexError: the turn is not in the window.
        """
        if not 0 <= age < len(self):
            raise IndexError(f"the window has {len(self)} turns")
        place = len(self) - 1 - age
        judged = {place: voice} if self._voices is None else self._voices.replace(place, voice)
        return self._write(place, text, judged, evidence)

    def _tracks(self) -> list[_Track]:
        return [track for track in (self._text, self._speech) if track is not None]

    def _write(
        self,
        place: int,
        text: Tensor | None,
        judged: Mapping[int, Tensor | None],
        evidence: tuple[float, float],
    ) -> Logits:
        """Put words in the place of a turn, 0 being the oldest, and S1 in that and others."""
        window = slice(self._start, self._end)
        voices = {self._start + at: s1 for at, s1 in judged.items()}
        slot = self._start + place
        self._text.write(window, {slot: text})
        heard = text is not None, voices[slot] is not None
        self._evidence[slot] = np.where(heard, evidence, 0)
        if self._speech is not None:
            self._speech.write(window, voices)
            for at, s1 in voices.items():
                self._plane[at] = 0 if s1 is None else array(s1)[-2:]
        words = self._text.judge(window)
        sound = np.empty((len(self), 0), np.float32) if self._speech is None else self._speech.judge(window)
        read = (torch.from_numpy(each)[None] for each in (words, sound, self._evidence[window]))
        stage2_text, stage2_speech, fused = self._above(*read)
        return Logits(stage2_text, stage2_speech, fused, torch.from_numpy(self._plane[window].copy()))

    def glance(
        self,
        text: Tensor | None,
        voice: Tensor | None,
        speaker: Hashable = None,
        evidence: tuple[float, float] = CERTAIN,
        age: int | None = None,
    ) -> Logits:
        """What `append`, or `replace` of the turn of that age, would say of this turn, [1, ...] each.

        The conversation stays as it is.
        """
        shared = (self._above, *(track.recurrence for track in self._tracks()))
        trial = deepcopy(self, {id(each): each for each in shared})
        if age is None:
            return Logits(*(each[-1:] for each in trial.append(text, voice, speaker, evidence)))
        at = len(self) - 1 - age
        return Logits(*(each[at : at + 1] for each in trial.replace(age, text, voice, evidence)))
