"""Settings of turn detection: when a turn begins and ends."""

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


def _shortest(given: Mapping[str, int]) -> int:
    """256 ms, moved into the range from pause_ms to endpoint_ms."""
    return min(given.get("endpoint_ms", 500), max(given.get("pause_ms", 200), 256))


def _longest(given: Mapping[str, int]) -> int:
    """544 ms, or endpoint_ms if that is longer."""
    return max(given.get("endpoint_ms", 500), 544)


class TurnSettings(BaseModel):
    """When a turn begins and ends."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start_threshold: float = Field(
        0.5,
        gt=0,
        lt=1,
        description="Lowest speech probability of a chunk that counts towards the start of a turn.",
    )
    stop_threshold: float = Field(
        0.15, gt=0, lt=1, description="Speech probability below which a chunk counts as silence in a turn."
    )
    min_speech_ms: int = Field(96, ge=32, le=2000, description="Speech that starts a turn, in ms.")
    preroll_ms: int = Field(300, ge=0, le=2000, description="Sound before a turn that belongs to it, in ms.")
    postroll_ms: int = Field(200, ge=0, description="Sound after a turn that belongs to it, in ms.")
    pause_ms: int = Field(200, ge=50, description="Silence in ms after which a turn pauses.")
    endpointing: Literal["adaptive", "fixed"] = Field(
        "adaptive",
        description="adaptive: the silence that ends a turn depends on its last sentence; fixed: "
        "that silence is always endpoint_ms.",
    )
    endpoint_ms: int = Field(
        500,
        ge=100,
        le=5000,
        description="Silence in ms that ends a turn; if adaptive, where the words do not tell whether the "
        "sentence is finished.",
    )
    endpoint_min_ms: int = Field(
        default_factory=_shortest,
        description="Adaptive: silence that ends a turn after a finished sentence, in ms.",
    )
    endpoint_max_ms: int = Field(
        default_factory=_longest,
        le=10_000,
        description="Adaptive: silence that ends a turn after an unfinished sentence, in ms.",
    )
    reopen_ms: int = Field(
        1000,
        ge=0,
        le=5000,
        description="Time in ms after its end within which a turn whose sentence was not finished is opened "
        "again if the speaker goes on; one that was finished, until the silence is endpoint_ms; 0: never.",
    )
    max_turn_s: float = Field(
        20.0, ge=2, le=120, description="Length in seconds from which a turn is split at a quiet point."
    )
    webrtc_level: int = Field(
        0, ge=0, le=3, description="Aggressiveness of webrtcvad: 0 accepts most sound as speech, 3 least."
    )

    @property
    def silences_ms(self) -> tuple[int, int, int]:
        """The silence that ends a turn after a finished, an unknown and an unfinished sentence, in ms."""
        if self.endpointing == "fixed":
            return (self.endpoint_ms,) * 3
        return self.endpoint_min_ms, self.endpoint_ms, self.endpoint_max_ms

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.stop_threshold > self.start_threshold:
            raise ValueError("stop_threshold must not be above start_threshold")
        if not self.postroll_ms <= self.pause_ms <= self.endpoint_ms:
            raise ValueError("it must hold that postroll_ms <= pause_ms <= endpoint_ms")
        if not self.pause_ms <= self.endpoint_min_ms <= self.endpoint_ms <= self.endpoint_max_ms:
            raise ValueError(
                "it must hold that pause_ms <= endpoint_min_ms <= endpoint_ms <= endpoint_max_ms"
            )
        return self
