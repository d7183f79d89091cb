"""A recorded session: the final state of its events."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from streamer.events import AudioGap, SessionEnded, SessionStarted, TurnFinal, TurnRevised

Turn = TurnFinal | TurnRevised

UNKNOWN = "unknown"
"""Name of an unknown speaker."""


def start_ms(turn: Turn) -> int:
    """Start of a turn, in milliseconds of the stream."""
    return round(turn.start_s * 1000)


def end_ms(turn: Turn) -> int:
    """End of a turn, in milliseconds: at least one after its start, as most formats require."""
    return max(round(turn.end_s * 1000), start_ms(turn) + 1)


def name_of(turn: Turn) -> str:
    """The speaker's name, or "unknown"."""
    return turn.speaker if turn.speaker is not None and turn.speaker.strip() else UNKNOWN


@dataclass(frozen=True, slots=True)
class Record:
    """One session.

    Attributes:
        session: ULID of the session.
        stream: name of the stream.
        began: the event of its start; None if the file lacks it.
        ended: the event of its end; None if it was killed, or has not ended.
        turns: the result for every turn, in order of starts.
        first_emotions: first emotion of each turn whose emotion was revised, by turn number.
        gaps: the gaps, where sound was lost.
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
        """Start by the wall clock; without one, the time of the first turn's event."""
        told = [event.at for event in (self.began, *self.turns[:1], self.ended) if event is not None]
        return told[0] if told else None

    @property
    def source(self) -> str:
        """Source of the sound: name of a file or a device."""
        return self.stream if self.began is None else self.began.source

    @property
    def bundle(self) -> str:
        """The trained models: name@version."""
        return self._known("bundle")

    @property
    def recogniser(self) -> str:
        """Name of the speech recogniser."""
        return self._known("recogniser")

    def _known(self, field: Literal["bundle", "recogniser"]) -> str:
        told = [getattr(event, field) for event in (self.began, *self.turns[:1]) if event is not None]
        return next(filter(None, told), "unknown")

    @property
    def labels(self) -> tuple[str, ...]:
        """The emotions in the bundle's order, then others that occur in turns."""
        given = () if self.began is None else self.began.labels
        of_turns = (label for turn in self.turns for label in (*turn.probabilities, turn.emotion))
        return tuple(dict.fromkeys((*given, *of_turns)))

    @property
    def speakers(self) -> tuple[str, ...]:
        """Names of the speakers, in order of their first turns."""
        return tuple(dict.fromkeys(name_of(turn) for turn in self.turns))

    @property
    def duration_s(self) -> float:
        """Known length of the stream, in seconds."""
        ends = [turn.end_s for turn in self.turns] + [gap.start_s + gap.length_s for gap in self.gaps]
        if self.ended is not None:
            ends.append(self.ended.audio_s + self.ended.gap_s)
        return max(ends, default=0.0)


def side_by_side(turns: Sequence[Turn]) -> list[list[Turn]]:
    """Distribute turns, sorted by start, to the fewest rows in which no turns overlap."""
    rows: list[list[Turn]] = []
    for turn in turns:
        row = next((row for row in rows if end_ms(row[-1]) <= start_ms(turn)), None)
        if row is None:
            rows.append(row := [])
        row.append(turn)
    return rows
