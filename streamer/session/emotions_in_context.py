"""The cheap, per-stream part: what is said of every turn as the conversation unfolds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import torch

from models.bundle import Bundle
from models.conversation import Logits
from models.gru import array
from models.manifest import SENTIMENTS, Sentiment
from models.window import ConversationWindow
from streamer.analysis.analyzer import Utterance


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


class _Row(NamedTuple):
    """What the networks say of one turn: probabilities by emotion, and by sentiment."""

    fused: list[float]
    text: list[float]
    speech: list[float]
    sentiment: list[float]


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
        self._window = ConversationWindow(bundle.incremental, window)
        self._open: list[_Open] = []  # those in the window, oldest first
        self._preceding: tuple[str, ...] = ()
        self._revise_above = revise_above
        self._sentiment = array(bundle.sentiment)  # [C, 3]

    @property
    def preceding(self) -> tuple[str, ...]:
        """The words that the text encoder is to read before the next turn's, oldest first.

        They are those of the latest turns that had any, whoever spoke, in the order the turns were added: as
        in training, where a conversation's utterances follow one another.
        """
        return self._preceding

    def add(self, turn: int, utterance: Utterance) -> list[tuple[int, Judgement]]:
        """Judge a new turn, and earlier ones anew in its light.

        Returns:
            Numbers and judgements: the new turn first, then those revised, oldest first.
        """
        text, speech = utterance.text_embedding, utterance.speech_embedding
        logits = self._window.append(text, speech)
        if len(self._open) == self._window.size:
            del self._open[0]
        self._open.append(_Open(turn, {"text": text is not None, "speech": speech is not None}))
        if utterance.text:
            turns = self._bundle.text.config.context_turns
            self._preceding = (*self._preceding, utterance.text)[-turns:] if turns else ()
        changed = []
        for entry, row in zip(self._open, self._rows(logits), strict=True):
            if entry.said is None or self._differs(entry.said, row):
                entry.said = self._judge(entry, row)
                changed.append((entry.turn, entry.said))
        return changed[-1:] + changed[:-1]

    def provisional(self, utterance: Utterance) -> Judgement:
        """Judge a turn that still goes on, by what was heard of it, in its context; nothing is kept."""
        text, speech = utterance.text_embedding, utterance.speech_embedding
        (row,) = self._rows(self._window.glance(text, speech))
        return self._judge(_Open(0, {"text": text is not None, "speech": speech is not None}), row)

    def _rows(self, logits: Logits) -> list[_Row]:
        """What the networks say of every turn, as numbers."""
        text, speech, fused = array(self._bundle.probabilities(torch.stack(logits)))  # [n, C] each
        each = (fused, text, speech, fused @ self._sentiment)
        return [_Row(*row) for row in zip(*(one.tolist() for one in each), strict=True)]

    def _judge(self, entry: _Open, row: _Row) -> Judgement:
        negative, _, positive = row.sentiment
        alone = {"text": row.text, "speech": row.speech}
        return Judgement(
            revision=0 if entry.said is None else entry.said.revision + 1,
            emotion=self._likeliest(row.fused),
            probabilities=self._by_label(row.fused),
            modalities={name: self._by_label(alone[name]) for name, has in entry.has.items() if has},
            sentiment=SENTIMENTS[row.sentiment.index(max(row.sentiment))],
            valence=max(-1.0, min(1.0, positive - negative)),
        )

    def _differs(self, said: Judgement, now: _Row) -> bool:
        moved = max(abs(p - before) for p, before in zip(now.fused, said.probabilities.values(), strict=True))
        return moved > self._revise_above or self._likeliest(now.fused) != said.emotion

    def _likeliest(self, probabilities: list[float]) -> str:
        return self._bundle.labels[probabilities.index(max(probabilities))]

    def _by_label(self, probabilities: list[float]) -> dict[str, float]:
        return dict(zip(self._bundle.labels, probabilities, strict=True))
