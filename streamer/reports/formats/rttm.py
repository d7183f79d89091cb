"""RTTM: who spoke when, for scoring of diarization.

NIST, "The 2009 (RT-09) Rich Transcription Meeting Recognition Evaluation Plan", appendix A.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from streamer.reports.record import Record, end_ms, name_of, start_ms
from streamer.reports.wording import fields

_FEWEST_FIELDS = 9
"""RT-09 has ten fields; the files of earlier evaluations lack the last, the signal look-ahead time."""


@dataclass(frozen=True, slots=True)
class SpeakerLine:
    """Somebody speaks from `start_s` for `length_s`; neither `file` nor `speaker` contains a space."""

    file: str
    start_s: float
    length_s: float
    speaker: str

    @property
    def end_s(self) -> float:
        """Where it ends."""
        return self.start_s + self.length_s

    def __str__(self) -> str:
        when = f"{self.start_s:.3f} {self.length_s:.3f}"
        return f"SPEAKER {self.file} 1 {when} <NA> <NA> {self.speaker} <NA> <NA>"


def write_rttm(lines: Iterable[SpeakerLine]) -> str:
    """Text of a file, times in milliseconds."""
    return "".join(f"{line}\n" for line in lines)


def read_rttm(text: str) -> list[SpeakerLine]:
    """The SPEAKER lines of a file, in its order; comments (";;") and other types of lines are left out.

    Raises:
        ValueError: a SPEAKER line has too few fields, or times that are no numbers or negative.
    """
    lines = []
    for number, line in enumerate(text.splitlines(), 1):
        found = line.split()
        if not found or found[0] != "SPEAKER":
            continue
        try:
            start_s, length_s = float(found[3]), float(found[4])
        except (IndexError, ValueError):
            start_s = length_s = -1.0
        if len(found) < _FEWEST_FIELDS or not (start_s >= 0 and length_s >= 0):
            raise ValueError(f"line {number} is no SPEAKER line of an RTTM file: {line.strip()}")
        lines.append(SpeakerLine(found[1], start_s, length_s, found[7]))
    return lines


def to_rttm(records: Sequence[Record]) -> str:
    """One SPEAKER line for each turn: file, channel, start, length, name; no field contains a space.

    The file is the stream's name, with the session if there are several of one stream.
    """
    streams = [record.stream for record in records]
    files = fields(
        [record.stream if streams.count(record.stream) == 1 else _both(record) for record in records]
    )
    lines = []
    for record, file in zip(records, files.values(), strict=True):
        names = fields(record.speakers)
        for turn in record.turns:
            start_s, length_s = start_ms(turn) / 1000, (end_ms(turn) - start_ms(turn)) / 1000
            lines.append(SpeakerLine(file, start_s, length_s, names[name_of(turn)]))
    return write_rttm(lines)


def _both(record: Record) -> str:
    return f"{record.stream}-{record.session}"
