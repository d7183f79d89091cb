"""A recorded session: what an events file says of it when all is told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from streamer.events import (
    Count,
    Probabilities,
    Probability,
    Seconds,
    Sentiment,
    String,
    Timestamp,
    TurnNumber,
    Valence,
)


class Told(BaseModel):
    """An event as it is read back: of a newer version, it may say more than is asked of it here."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: str
    stream: String
    session: Annotated[String, Field(min_length=1)]
    at: Timestamp


class Began(Told):
    """`session.started`."""

    type: Literal["session.started"]
    source: String
    bundle: String
    recogniser: String
    labels: tuple[String, ...]


class Ended(Told):
    """`session.ended`."""

    type: Literal["session.ended"]
    reason: String
    audio_s: Seconds
    gap_s: Seconds = 0.0


class Gap(Told):
    """`audio.gap`."""

    type: Literal["audio.gap"]
    start_s: Seconds
    length_s: Seconds


class Turn(Told):
    """`turn.final` or `turn.revised`: fields as in `streamer.events`."""

    type: Literal["turn.final", "turn.revised"]
    turn: TurnNumber
    revision: Count = 0
    speaker: String | None = None
    start_s: Seconds
    end_s: Seconds
    text: String | None = None
    emotion: String
    confidence: Probability
    probabilities: Probabilities
    sentiment: Sentiment
    valence: Valence
    modalities: dict[String, Probabilities] = {}
    recogniser: String = ""
    bundle: String = ""

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.end_s < self.start_s:
            raise ValueError(f"the turn ends at {self.end_s} s, before it starts at {self.start_s} s")
        return self

    @property
    def start_ms(self) -> int:
        """Where it starts, in milliseconds of the stream."""
        return round(self.start_s * 1000)

    @property
    def end_ms(self) -> int:
        """Where it ends, in milliseconds: at least one after its start, as most formats demand."""
        return max(round(self.end_s * 1000), self.start_ms + 1)

    @property
    def name(self) -> str:
        """The speaker's name, "unknown" where it is not known."""
        return self.speaker if self.speaker is not None and self.speaker.strip() else UNKNOWN


UNKNOWN = "unknown"
"""What a speaker is called whom nobody has named."""


@dataclass(frozen=True, slots=True)
class Record:
    """One session.

    Attributes:
        session: its ULID.
        stream: the stream's name.
        began: how it began; None where the file lacks its beginning.
        ended: how it ended; None where it was killed, or has not ended yet.
        turns: what is said of every turn, in order of starting.
        first_emotions: by turn, the emotion that was said first, where it differs.
        gaps: where sound was lost.
    """

    session: str
    stream: str
    began: Began | None
    ended: Ended | None
    turns: tuple[Turn, ...]
    first_emotions: dict[int, str]
    gaps: tuple[Gap, ...]

    @property
    def at(self) -> datetime | None:
        """When it began, by the wall clock; of the first turn where that is not told."""
        told = [event.at for event in (self.began, *self.turns[:1], self.ended) if event is not None]
        return told[0] if told else None

    @property
    def source(self) -> str:
        """Where the sound came from: a file's or a device's name."""
        return self.stream if self.began is None else self.began.source

    @property
    def bundle(self) -> str:
        """The trained models: name@version."""
        return self._known("bundle")

    @property
    def recogniser(self) -> str:
        """What wrote the words down."""
        return self._known("recogniser")

    def _known(self, field: Literal["bundle", "recogniser"]) -> str:
        told = [getattr(event, field) for event in (self.began, *self.turns[:1]) if event is not None]
        return next(filter(None, told), "unknown")

    @property
    def labels(self) -> tuple[str, ...]:
        """The emotions, in the bundle's order; any further ones that a turn names come last."""
        given = () if self.began is None else self.began.labels
        of_turns = (label for turn in self.turns for label in (*turn.probabilities, turn.emotion))
        return tuple(dict.fromkeys((*given, *of_turns)))

    @property
    def speakers(self) -> tuple[str, ...]:
        """Everyone's name, in order of speaking first."""
        return tuple(dict.fromkeys(turn.name for turn in self.turns))

    @property
    def duration_s(self) -> float:
        """Length of the stream in seconds, as far as it is known."""
        ends = [turn.end_s for turn in self.turns] + [gap.start_s + gap.length_s for gap in self.gaps]
        if self.ended is not None:
            ends.append(self.ended.audio_s + self.ended.gap_s)
        return max(ends, default=0.0)


def side_by_side(turns: Sequence[Turn]) -> list[list[Turn]]:
    """Part turns, ordered by start, into as few rows as it takes for none to overlap another in its row."""
    rows: list[list[Turn]] = []
    for turn in turns:
        row = next((row for row in rows if row[-1].end_ms <= turn.start_ms), None)
        if row is None:
            rows.append(row := [])
        row.append(turn)
    return rows
