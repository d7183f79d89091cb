"""Excerpts of real meetings: who speaks when (RTTM), and what is scored of each (UEM)."""

from dataclasses import dataclass
from pathlib import Path

from benchmarks.conversations import SHARED_AUDIO
from streamer.reports.formats.rttm import SpeakerLine, read_rttm

MEETINGS = SHARED_AUDIO / "meetings"

Span = tuple[float, float]
"""Start and end in seconds."""


@dataclass(frozen=True)
class Meeting:
    """One recording: `spoken` in order of time, and the regions that are `scored`."""

    path: Path
    spoken: tuple[SpeakerLine, ...]
    scored: tuple[Span, ...]


def read_meetings(folder: Path = MEETINGS) -> list[Meeting]:
    """Those whose sound is there, in order of their names."""
    spoken = [
        line for path in sorted(folder.glob("*.rttm")) for line in read_rttm(path.read_text(encoding="utf-8"))
    ]
    scored: dict[str, list[Span]] = {}
    for path in sorted(folder.glob("*.uem")):
        for line in path.read_text(encoding="utf-8").splitlines():
            name, _, start, end = line.split()
            scored.setdefault(name, []).append((float(start), float(end)))
    return [
        Meeting(
            path,
            tuple(sorted((line for line in spoken if line.file == path.stem), key=lambda line: line.start_s)),
            tuple(scored[path.stem]),
        )
        for path in sorted(folder.glob("*.wav"))
    ]
