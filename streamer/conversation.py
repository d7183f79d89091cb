"""The cheap, per-stream part: what is said of every turn as the conversation unfolds."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from models.bundle import Bundle
from models.conversation import Logits
from models.manifest import SENTIMENTS, Sentiment
from models.window import ConversationWindow
from streamer.analyzer import Utterance


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is said of a turn now.

    Attributes:
        revision: 0 when it is said for the first time.
        emotion: the likeliest.
        probabilities: by emotion, summing to 1.
        modalities: what each modality that is there says by itself (Stage II), likewise.
        sentiment: the likeliest.
        valence: P(positive) - P(negative).
    """

    revision: int
    emotion: str
    probabilities: Mapping[str, float]
    modalities: Mapping[str, Mapping[str, float]]
    sentiment: Sentiment
    valence: float


@dataclass(slots=True)
class _Open:
    """A turn that may still be revised."""

    turn: int
    has: Mapping[str, bool]
    said: Judgement | None = field(default=None)


class Conversation:
    """Turns of one stream in a sliding window. Pure: no clock, no threads."""

    def __init__(self, bundle: Bundle, window: int = 32, revise_above: float = 0.1) -> None:
        """Start an empty conversation.

        Args:
            bundle: the networks; shared between conversations.
            window: turns that are looked at, and can be revised.
            revise_above: a turn is revised when its emotion changes, or any of its probabilities moves by
                more than this from what was last said.
        """
        self._bundle = bundle
        self._window = ConversationWindow(bundle.conversation, window)
        self._open: deque[_Open] = deque(maxlen=window)
        self._preceding: tuple[str, ...] = ()
        self._revise_above = revise_above

    @property
    def preceding(self) -> tuple[str, ...]:
        """The words that the text encoder is to read before the next turn's, oldest first.

        They are those of the latest turns that had any, whoever spoke, in the order the turns were added: as
        in training, where a conversation's utterances follow one another.
        """
        return self._preceding

    def add(self, turn: int, utterance: Utterance) -> list[tuple[int, Judgement]]:
        """Judge a new turn, and earlier ones anew in its light.

        Args:
            turn: its number, to name it by.
            utterance: what it was understood to be.

        Returns:
            Numbers and judgements: the new turn first, then those revised, oldest first.
        """
        text, speech = utterance.text_embedding, utterance.speech_embedding
        logits = self._window.append(text, speech)
        self._open.append(_Open(turn, {"text": text is not None, "speech": speech is not None}))
        if utterance.text:
            turns = self._bundle.text.config.context_turns
            self._preceding = (*self._preceding, utterance.text)[-turns:] if turns else ()
        changed = []
        for row, entry in enumerate(self._open):
            now = self._judge(entry, Logits(*(each[row] for each in logits)))
            if entry.said is None or self._differs(entry.said, now):
                entry.said = now
                changed.append((entry.turn, now))
        return changed[-1:] + changed[:-1]

    def provisional(self, utterance: Utterance) -> Judgement:
        """Judge a turn that still goes on, by what was heard of it alone; nothing is kept."""
        text, speech = utterance.text_embedding, utterance.speech_embedding
        alone = ConversationWindow(self._bundle.conversation, 1)
        (row,) = zip(*alone.append(text, speech), strict=True)
        return self._judge(_Open(0, {"text": text is not None, "speech": speech is not None}), Logits(*row))

    def _judge(self, entry: _Open, logits: Logits) -> Judgement:
        fused = self._bundle.probabilities(logits.fused)  # [C]
        negative, neutral, positive = (fused @ self._bundle.sentiment).tolist()
        mass = dict(zip(SENTIMENTS, (negative, neutral, positive), strict=True))
        alone = {"text": logits.text, "speech": logits.speech}
        return Judgement(
            revision=0 if entry.said is None else entry.said.revision + 1,
            emotion=self._bundle.labels[int(fused.argmax())],
            probabilities=self._by_label(fused),
            modalities={
                name: self._by_label(self._bundle.probabilities(alone[name]))
                for name, has in entry.has.items()
                if has
            },
            sentiment=max(SENTIMENTS, key=lambda s: mass[s]),
            valence=max(-1.0, min(1.0, positive - negative)),
        )

    def _differs(self, said: Judgement, now: Judgement) -> bool:
        moved = max(abs(now.probabilities[label] - p) for label, p in said.probabilities.items())
        return now.emotion != said.emotion or moved > self._revise_above

    def _by_label(self, probabilities: Tensor) -> dict[str, float]:
        return dict(zip(self._bundle.labels, probabilities.tolist(), strict=True))
