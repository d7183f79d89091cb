"""How old a message is, by clocks that nobody sets: the wall clock may leap by years at any time."""

import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, Self

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Reading(NamedTuple):
    """What the machine's clock shows: seconds since its start, with time asleep where the system counts it.

    `boot` tells one start from another; it is "" where the system does not say.
    """

    boot: str
    ticks_s: float


def read_clock() -> Reading:
    """Read it now. Of two readings of one boot the later is never less, whichever process made it."""
    if sys.platform != "linux":
        return Reading("", time.monotonic())
    try:
        boot = _BOOT_ID.read_text("ascii").strip()
    except OSError:  # a sandbox that does not show it
        boot = ""
    return Reading(boot, time.clock_gettime(time.CLOCK_BOOTTIME))


@dataclass(frozen=True, slots=True)
class OutboxTime:
    """A time that never goes back and goes on from one boot to the next: what the outbox counts age by.

    It goes with the machine's clock, and after a new start on from where it was last noted. So what lies
    between two readings is never more than has passed; what passed between the last note and the new start is
    left out. Where boots have no name, one is noticed by a clock that shows less than before.

    Attributes:
        boot: the one it was last read in.
        base_s: where it was when that boot began.
        ticks_s: what the machine's clock showed when it was last read.
    """

    boot: str = ""
    base_s: float = 0.0
    ticks_s: float = 0.0

    @property
    def now_s(self) -> float:
        """When it was last read."""
        return self.base_s + self.ticks_s

    def at(self, reading: Reading) -> Self:
        """The time at a reading."""
        if reading.boot == self.boot and reading.ticks_s >= self.ticks_s:
            return replace(self, ticks_s=reading.ticks_s)
        return replace(self, boot=reading.boot, base_s=self.now_s, ticks_s=reading.ticks_s)
