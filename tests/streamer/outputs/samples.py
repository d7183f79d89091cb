"""Events to feed to outputs."""

from datetime import UTC, datetime
from typing import Any

from streamer.events import (
    AudioDeviceBack,
    AudioDeviceLost,
    AudioGap,
    Latency,
    Mark,
    Session,
    SessionEnded,
    SessionSettings,
    SessionStarted,
    TurnFinal,
    TurnPartial,
    TurnRevised,
    TurnStarted,
)

MELD = ["neutral", "joy", "sadness", "anger", "surprise", "fear", "disgust"]


class Sample:
    """A session that makes events with as few words as a test needs."""

    def __init__(self, stream: str = "kitchen", labels: list[str] = MELD) -> None:
        self.session = Session(stream, now=lambda: datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
        self.labels = labels

    def started(self, **change: Any) -> SessionStarted:
        fields: dict[str, Any] = {
            "source": "kitchen.wav",
            "channels": 1,
            "bundle": "meld-small@1",
            "recogniser": "faster-whisper:tiny.en",
            "labels": self.labels,
            "settings": SessionSettings(window=32, endpoint_ms=500),
            "version": "0.1.0",
        }
        return SessionStarted(**self.session.stamp(), **(fields | change))

    def ended(self, reason: str = "end of input", turns: int = 1) -> SessionEnded:
        return SessionEnded(
            **self.session.stamp(), reason=reason, turns=turns, audio_s=62.5, gaps=0, gap_s=0, duration_s=63
        )

    def turn_started(self, turn: int = 1, speaker: str | None = None, start_s: float = 1.0) -> TurnStarted:
        return TurnStarted(**self.session.stamp(), turn=turn, speaker=speaker, start_s=start_s)

    def partial(
        self, turn: int = 1, text: str | None = "I can't", committed: str | None = "I"
    ) -> TurnPartial:
        return TurnPartial(
            **self.session.stamp(),
            turn=turn,
            speaker=None,
            start_s=1,
            text=text,
            committed=committed,
            emotion="joy",
            confidence=0.4,
        )

    def final(
        self, turn: int = 1, emotion: str = "anger", confidence: float = 0.8, **change: Any
    ) -> TurnFinal:
        return TurnFinal(**self.session.stamp(), **(self._judged(turn, emotion, confidence) | change))

    def revised(
        self, turn: int = 1, emotion: str = "sadness", confidence: float = 0.6, **change: Any
    ) -> TurnRevised:
        judged = self._judged(turn, emotion, confidence) | {"revision": 1} | change
        return TurnRevised(**self.session.stamp(), **judged)

    def _judged(self, turn: int, emotion: str, confidence: float) -> dict[str, Any]:
        others = [label for label in self.labels if label != emotion]
        probabilities = {label: (1 - confidence) / len(others) for label in others} | {emotion: confidence}
        return {
            "turn": turn,
            "speaker": None,
            "start_s": 2.0 * turn,
            "end_s": 2.0 * turn + 1.5,
            "text": "I can't believe you did that!",
            "emotion": emotion,
            "confidence": confidence,
            "probabilities": probabilities,
            "sentiment": "negative",
            "valence": -0.62,
            "arousal": 0.41,
            "modalities": {"text": probabilities},
            "latency_ms": Latency(endpoint=500, transcribe=120, embed=30, context=3, total=154),
            "recogniser": "faster-whisper:tiny.en",
            "bundle": "meld-small@1",
        }

    def mark(self, at_s: float = 3.0) -> Mark:
        return Mark(**self.session.stamp(), at_s=at_s)

    def gap(self) -> AudioGap:
        return AudioGap(**self.session.stamp(), start_s=3.2, length_s=0.4, reason="overflow")

    def device_lost(self) -> AudioDeviceLost:
        return AudioDeviceLost(**self.session.stamp(), device="USB microphone", reason="unplugged")

    def device_back(self) -> AudioDeviceBack:
        return AudioDeviceBack(**self.session.stamp(), device="USB microphone", lost_s=2.5)
