"""A recorded session: what an events file says of it when all is told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from streamer.events import AudioGap, SessionEnded, SessionStarted, TurnFinal, TurnRevised

Turn = TurnFinal | TurnRevised

UNKNOWN = "unknown"
"""What a speaker is called whom nobody has named."""


def start_ms(turn: Turn) -> int:
    """Where a turn starts, in milliseconds of the stream."""
    return round(turn.start_s * 1000)


def end_ms(turn: Turn) -> int:
    """Where a turn ends, in milliseconds: at least one after its start, as most formats demand."""
    return max(round(turn.end_s * 1000), start_ms(turn) + 1)


def name_of(turn: Turn) -> str:
    """The speaker's name, "unknown" where it is not known."""
    return turn.speaker if turn.speaker is not None and turn.speaker.strip() else UNKNOWN


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
    began: SessionStarted | None
    ended: SessionEnded | None
    turns: tuple[Turn, ...]
    first_emotions: dict[int, str]
    gaps: tuple[AudioGap, ...]

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
        return tuple(dict.fromkeys(name_of(turn) for turn in self.turns))

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
        row = next((row for row in rows if end_ms(row[-1]) <= start_ms(turn)), None)
        if row is None:
            rows.append(row := [])
        row.append(turn)
    return rows
