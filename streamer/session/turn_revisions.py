"""The emotions of a stream's turns in their context: cheap, and computed for each stream separately."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import torch

from models.bundle import Bundle
from models.circumplex import arousal
from models.conversation import Logits
from models.gru_inference import array
from models.incremental_context import ConversationWindow
from models.manifest import SENTIMENTS, Sentiment
from streamer.turn_embedding.analyzer import Utterance


@dataclass(frozen=True, slots=True)
class Judgement:
    """The present result for a turn.

    Attributes:
        revision: number of earlier results for the turn.
        emotion: the likeliest emotion.
        probabilities: probability of each emotion; they sum to 1.
        modalities: the same from each present modality alone (Stage II).
        sentiment: the likeliest sentiment.
        valence: P(positive) - P(negative).
        arousal: by the emotion and the voice (see `models.circumplex.arousal`), from -1 to 1; None where
            neither tells.
    """

    revision: int
    emotion: str
    probabilities: Mapping[str, float]
    modalities: Mapping[str, Mapping[str, float]]
    sentiment: Sentiment
    valence: float
    arousal: float | None


@dataclass(slots=True)
class _Open:
    """A turn that may still be revised."""

    turn: int
    has: Mapping[str, bool]
    said: Judgement | None = field(default=None)


class _Row(NamedTuple):
    """The networks' output for one turn: probabilities of emotions and sentiments; the voice's logits."""

    fused: list[float]
    text: list[float]
    speech: list[float]
    sentiment: list[float]
    plane: list[float]


class Conversation:
    """Turns of one stream in a sliding window. Pure: no clock, no threads."""

    def __init__(self, bundle: Bundle, window: int = 32, revise_above: float = 0.1) -> None:
        """Start an empty conversation.

        Args:
            bundle: the networks, shared between conversations.
            window: number of latest turns that form the context and can be revised.
            revise_above: a turn is revised if its emotion changes, or one of its probabilities changes by
                more than this since its last result.
        """
        self._bundle = bundle
        self._window = ConversationWindow(bundle.incremental, window)
        self._open: list[_Open] = []  # turns in the window, oldest first
        self._said: dict[int, str] = {}  # texts of the latest turns that have any, oldest first
        self._revise_above = revise_above
        self._sentiment = array(bundle.sentiment)  # [C, 3]

    def preceding(self, turn: int) -> tuple[str, ...]:
        """The texts that the text encoder reads before a turn's own, oldest first.

        They are the latest non-empty ones of all speakers, in the order in which the turns were added: in
        training, too, the utterances of a conversation follow one another.
        """
        texts = [text for number, text in self._said.items() if number != turn]
        return tuple(texts[len(texts) - min(len(texts), self._bundle.text.config.context_turns) :])

    def add(self, turn: int, utterance: Utterance, speaker: Hashable = None) -> list[tuple[int, Judgement]]:
        """Recognise the emotion of a new turn, and update those of earlier turns.

        Args:
            turn: its number.
            utterance: its words and embeddings.
            speaker: whom its voice is judged against: the channel, where no speaker is known.

        Returns:
            Numbers and results: the new turn first, then the revised ones, oldest first.
        """
        text, voice = utterance.text_embedding, utterance.speech_embedding
        logits = self._window.append(text, voice, speaker, utterance.evidence)
        if len(self._open) == self._window.size:
            del self._open[0]
        self._open.append(_Open(turn, _present(utterance)))
        self._remember(turn, utterance.text)
        return self._changed(logits, self._open[-1])

    def replace(
        self, turn: int, utterance: Utterance, speaker: Hashable = None
    ) -> list[tuple[int, Judgement]]:
        """Put a turn that went on after its end in the place of what it was, and update the others.

        Its speaker stays. A turn that has left the window is added anew.

        Returns:
            As `add` does, that turn first.
        """
        if (age := self._age(turn)) is None:
            return self.add(turn, utterance, speaker)
        entry = self._open[-1 - age]
        entry.has = _present(utterance)
        if age == 0 or turn in self._said:
            self._remember(turn, utterance.text)
        text, voice = utterance.text_embedding, utterance.speech_embedding
        logits = self._window.replace(age, text, voice, utterance.evidence)
        return self._changed(logits, entry)

    def _remember(self, turn: int, text: str) -> None:
        if text:
            self._said[turn] = text
        while len(self._said) > self._bundle.text.config.context_turns + 1:  # one may be the turn's own
            del self._said[next(iter(self._said))]

    def _age(self, turn: int) -> int | None:
        """How many turns were added to the window after this one; None if it is not in the window."""
        return next((age for age, each in enumerate(reversed(self._open)) if each.turn == turn), None)

    def _changed(self, logits: Logits, told: _Open) -> list[tuple[int, Judgement]]:
        """One turn's result, whatever it is, and the changed ones of the others, oldest first."""
        changed = []
        for entry, row in zip(self._open, self._rows(logits), strict=True):
            if entry is told or entry.said is None or self._differs(entry.said, row):
                entry.said = self._judge(entry, row)
                changed.append((entry.turn, entry.said))
        return sorted(changed, key=lambda each: each[0] != told.turn)

    def provisional(self, turn: int, utterance: Utterance, speaker: Hashable = None) -> Judgement:
        """Recognise the emotion of an open turn so far, in its context, which stays as it is."""
        text, voice = utterance.text_embedding, utterance.speech_embedding
        (row,) = self._rows(self._window.glance(text, voice, speaker, utterance.evidence, self._age(turn)))
        return self._judge(_Open(turn, _present(utterance)), row)

    def _rows(self, logits: Logits) -> list[_Row]:
        """The networks' output for every turn."""
        text, speech, fused = array(self._bundle.probabilities(torch.stack(logits[:3])))  # [n, C] each
        each = (fused, text, speech, fused @ self._sentiment, array(logits.plane))
        return [_Row(*row) for row in zip(*(one.tolist() for one in each), strict=True)]

    def _judge(self, entry: _Open, row: _Row) -> Judgement:
        negative, _, positive = row.sentiment
        alone = {"text": row.text, "speech": row.speech}
        probabilities = self._by_label(row.fused)
        return Judgement(
            revision=0 if entry.said is None else entry.said.revision + 1,
            emotion=self._likeliest(row.fused),
            probabilities=probabilities,
            modalities={name: self._by_label(alone[name]) for name, has in entry.has.items() if has},
            sentiment=SENTIMENTS[row.sentiment.index(max(row.sentiment))],
            valence=max(-1.0, min(1.0, positive - negative)),
            arousal=arousal(probabilities, row.plane[0] if entry.has["speech"] else None),
        )

    def _differs(self, said: Judgement, now: _Row) -> bool:
        moved = max(abs(p - before) for p, before in zip(now.fused, said.probabilities.values(), strict=True))
        return moved > self._revise_above or self._likeliest(now.fused) != said.emotion

    def _likeliest(self, probabilities: list[float]) -> str:
        return self._bundle.labels[probabilities.index(max(probabilities))]

    def _by_label(self, probabilities: list[float]) -> dict[str, float]:
        return dict(zip(self._bundle.labels, probabilities, strict=True))


def _present(utterance: Utterance) -> Mapping[str, bool]:
    return {
        "text": utterance.text_embedding is not None,
        "speech": utterance.speech_embedding is not None,
    }
