"""When a turn begins and ends: what can be set."""

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


def _shortest(given: Mapping[str, int]) -> int:
    """320 ms, or what the settings before it leave room for."""
    return min(given.get("endpoint_ms", 500), max(given.get("pause_ms", 200), 320))


def _longest(given: Mapping[str, int]) -> int:
    """1000 ms, or the usual silence where that is longer."""
    return max(given.get("endpoint_ms", 500), 1000)


class TurnSettings(BaseModel):
    """When a turn begins and ends."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start_threshold: float = Field(
        0.5,
        gt=0,
        lt=1,
        description="Probability of speech from which a chunk counts towards starting a turn.",
    )
    stop_threshold: float = Field(
        0.15, gt=0, lt=1, description="Probability of speech below which a chunk counts as silence in a turn."
    )
    min_speech_ms: int = Field(96, ge=32, le=2000, description="Clear speech it takes to start a turn.")
    preroll_ms: int = Field(300, ge=0, le=2000, description="Sound before its start that goes with a turn.")
    postroll_ms: int = Field(200, ge=0, description="Sound after its end that goes with a turn.")
    pause_ms: int = Field(200, ge=50, description="Silence after which a turn is said to pause.")
    endpointing: Literal["adaptive", "fixed"] = Field(
        "adaptive",
        description="adaptive: the silence that ends a turn depends on its words and on the pauses so far; "
        "fixed: it is always endpoint_ms.",
    )
    endpoint_ms: int = Field(
        500,
        ge=100,
        le=5000,
        description="Silence after which a turn is declared over; adaptive: as long as nothing speaks for "
        "more or less.",
    )
    endpoint_min_ms: int = Field(
        default_factory=_shortest, description="Adaptive: no turn ends after a shorter silence."
    )
    endpoint_max_ms: int = Field(
        default_factory=_longest, le=10_000, description="Adaptive: every turn ends after this silence."
    )
    max_turn_s: float = Field(
        20.0, ge=2, le=120, description="A longer turn is split at the quietest point of its latter part."
    )
    webrtc_level: int = Field(
        0, ge=0, le=3, description="Aggressiveness of the webrtcvad gate; 0 opens it readily."
    )

    @property
    def silences_ms(self) -> tuple[int, int, int]:
        """The shortest silence that ends a turn, the usual one, the longest: the same where that is fixed."""
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
