"""Sessions that were never held: real events, as a pipeline would tell them, as many as a test needs."""

import math
from collections.abc import Iterator
from random import Random
from typing import Any, TypeVar

from pydantic import BaseModel

from streamer import events

LABELS = ("neutral", "joy", "sadness", "anger", "surprise", "fear", "disgust")
VALENCES = (0.0, 0.9, -0.7, -0.8, 0.2, -0.6, -0.7)
AROUSALS = (0.0, 0.5, -0.3, 0.6, 0.7, 0.6, 0.3)
SENTENCES = (
    "Good morning. Is there any coffee left?",
    "You left it open again! I am so angry with you!",
    "There is some in the kitchen.",
    "Oh no! I am afraid that something terrible happened to him.",
    "Look, he was sleeping in the garden all the time!",
    "I am sorry. I did not think of it, and I should have asked you before the weekend.",
    "Never mind.",
)

Made = TypeVar("Made", bound=BaseModel)


class MadeUp:
    """One session; iterating gives turn after turn, each with what is told of it.

    Args:
        stream: its name.
        seed: of what happens in it.
        words: False where they are withheld.
    """

    def __init__(self, stream: str, seed: int = 0, *, words: bool = True) -> None:
        self._session = events.Session(stream)
        self._random = Random(seed)
        self._words = words
        self._turn = 0
        self._at_s = 0.0
        self._said: list[events.TurnFinal] = []

    def started(self) -> events.SessionStarted:
        return events.SessionStarted(
            **self._session.stamp(),
            source="made up",
            channels=1,
            bundle="made-up@1",
            recogniser="none",
            labels=list(LABELS),
            settings=events.SessionSettings(window=32, endpoint_ms=500),
            version="0",
        )

    def ended(self) -> events.SessionEnded:
        return events.SessionEnded(
            **self._session.stamp(),
            reason="end of input",
            turns=self._turn,
            audio_s=self._at_s,
            gaps=0,
            gap_s=0,
            duration_s=self._at_s,
        )

    def tell(self, kind: type[Made], **fields: Any) -> Made:
        """Anything else that happens."""
        return kind(**self._session.stamp(), **fields)

    def final(
        self,
        turn: int,
        speaker: str,
        start_s: float,
        end_s: float,
        probabilities: dict[str, float],
        text: str,
    ) -> events.TurnFinal:
        """What is said of a turn that is over."""
        return self.tell(
            events.TurnFinal,
            turn=turn,
            speaker=speaker,
            start_s=start_s,
            end_s=end_s,
            text=text if self._words else None,
            recogniser="none",
            bundle="made-up@1",
            modalities={"text": probabilities},
            latency_ms=events.Latency(endpoint=500, transcribe=0, embed=0, context=3, total=4),
            **self._judged(probabilities),
        )

    def turn(self) -> Iterator[events.Event]:
        """The next turn, from its start to its final event; now and then a revision of an older one."""
        random = self._random
        self._turn += 1
        speaker = ("Anna", "Ben")[self._turn % 2]
        start_s = self._at_s + random.uniform(0.2, 1.5)
        self._at_s = end_s = start_s + random.uniform(0.8, 6.0)
        text = random.choice(SENTENCES)
        probabilities = self._probabilities()
        emotion = max(probabilities, key=probabilities.__getitem__)
        yield events.TurnStarted(**self._session.stamp(), turn=self._turn, speaker=speaker, start_s=start_s)
        yield events.TurnPartial(
            **self._session.stamp(),
            turn=self._turn,
            speaker=speaker,
            start_s=start_s,
            text=text[: len(text) // 2] if self._words else None,
            committed=text[: len(text) // 4] if self._words else None,
            emotion=emotion,
            confidence=probabilities[emotion],
        )
        final = self.final(self._turn, speaker, start_s, end_s, probabilities, text)
        self._said = [*self._said[-5:], final]
        yield final
        if random.random() < 0.3:
            older = random.choice(self._said)
            changed = older.model_dump(exclude={"type", "seq", "at", "revision"}) | self._judged(
                self._probabilities()
            )
            yield events.TurnRevised(**{**changed, **self._session.stamp()}, revision=1)

    def _probabilities(self) -> dict[str, float]:
        drift = math.sin(self._turn / 9)
        weights = [math.exp(2 * self._random.gauss(0, 0.8) + 1.2 * drift * valence) for valence in VALENCES]
        return {label: weight / sum(weights) for label, weight in zip(LABELS, weights, strict=True)}

    def _judged(self, probabilities: dict[str, float]) -> dict[str, object]:
        emotion = max(probabilities, key=probabilities.__getitem__)
        valence, arousal = (
            sum(probabilities.get(label, 0) * place for label, place in zip(LABELS, places, strict=True))
            for places in (VALENCES, AROUSALS)
        )
        sentiment = "positive" if valence > 0.1 else "negative" if valence < -0.1 else "neutral"
        return {
            "emotion": emotion,
            "confidence": probabilities[emotion],
            "probabilities": probabilities,
            "sentiment": sentiment,
            "valence": valence,
            "arousal": arousal,
        }
