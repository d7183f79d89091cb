"""The age of messages by monotonic clocks: the wall clock may jump by years at any time."""

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
    """Read the clock. Within a boot, a later reading is never less, even in another process."""
    if sys.platform != "linux":
        return Reading("", time.monotonic())
    try:
        boot = _BOOT_ID.read_text("ascii").strip()
    except OSError:  # hidden by a sandbox
        boot = ""
    return Reading(boot, time.clock_gettime(time.CLOCK_BOOTTIME))


@dataclass(frozen=True, slots=True)
class OutboxTime:
    """A time that never decreases and continues after a reboot: the basis of ages in the outbox.

    It follows the machine's clock, and after a reboot continues from its last stored value. So it never runs
    ahead of real time; the time between the last stored value and the reboot is not counted. If boots have no
    identifier, a clock that shows less than before indicates one.

    Attributes:
        boot: boot of the last reading.
        base_s: its value when that boot began.
        ticks_s: the machine's clock at the last reading.
    """

    boot: str = ""
    base_s: float = 0.0
    ticks_s: float = 0.0

    @property
    def now_s(self) -> float:
        """The time at the last reading."""
        return self.base_s + self.ticks_s

    def at(self, reading: Reading) -> Self:
        """The time at a reading."""
        if reading.boot == self.boot and reading.ticks_s >= self.ticks_s:
            return replace(self, ticks_s=reading.ticks_s)
        return replace(self, boot=reading.boot, base_s=self.now_s, ticks_s=reading.ticks_s)
