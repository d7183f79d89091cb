"""Messages about damage in a recording, derived from its stream."""

from streamer.audio.decoding.clock import ContainerClock
from streamer.audio.decoding.ending import Ending

_TOLD_S = 1.0
"""Shorter overlaps are not reported."""


def damage_notes(
    name: object, read_s: float, clock: ContainerClock, ending: Ending, is_damaged_at_end: bool
) -> list[str]:
    """One line for each kind of damage."""
    said = []
    if ending.missing:
        said.append(
            f"{name} is truncated: its last {ending.missing} bytes are missing, {read_s:.1f} s could be read"
        )
    elif is_damaged_at_end:
        said.append(f"{name} is truncated or damaged at its end: {read_s:.1f} s could be read")
    elif ending.beyond:
        said.append(f"{name} goes on for {ending.beyond} bytes after its stated end: they were not read")
    if clock.lost:
        said.append(f"{name} lacks {clock.lost_s:.2f} s of sound, lost in {_times(clock.lost, 'place')}")
    if clock.surplus_s > _TOLD_S:
        said.append(
            f"{name} has {clock.surplus_s:.2f} s of sound for times at which there was some: it was left out"
        )
    if clock.jumps:
        said.append(
            f"{name} has a clock that jumps {_times(clock.jumps, 'time')}, by {clock.farthest_s:.1f} s at "
            "most: its sound is taken as going on"
        )
    return said


def _times(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
