"""Places decoded sound on its container's clock: finds the position of each piece and gaps before it."""

from dataclasses import dataclass

_FILL_S = 0.018
"""Smaller differences may be rounding of timestamps, or Vorbis, whose blocks of two sizes come up to 14 ms
early. A lost packet is 20 ms."""

_OVERLAP_S = 0.05
"""Largest overlap, or sound that is too early, that is not cut off."""

_BACK_S = 1.0
"""A piece that is earlier than this is no overlap: the clock was set back."""

_GAP_S = 0.5
"""Lost sound from this length on is an `AudioGap`; less becomes silence, which ends no turn."""

_PAUSE_S = 0.1
"""A hole of this length in quiet sound is a pause that was not sent; in shorter ones packets were lost."""

_LONGEST_HOLE_S = 3600.0
"""A longer jump forwards is a jump of the clock: no sound is missing."""

_LONGEST_HOLE_IN_BROADCAST_S = 10.0
"""The same for containers that are often cut and joined (FFmpeg's `dts_delta_threshold`)."""


@dataclass(frozen=True, slots=True)
class Placement:
    """What to do before appending a piece of sound; at most one field is not 0.

    Silence or lost sound is put before it, or its front is cut off, which overlaps what came before.
    """

    silence_s: float = 0.0
    gap_s: float = 0.0
    surplus_s: float = 0.0


_FITS = Placement()


class ContainerClock:
    """Compares timestamps with the length of the sound so far, the only sum that is kept.

    Args:
        start_s: timestamp of the container's start; None if unknown.
        broadcast: whether jumping clocks are usual in the container (MPEG-TS).

    Attributes:
        lost: number of losses.
        lost_s: length of the lost sound, in seconds.
        surplus_s: length of overlapping or early sound that was cut off, in seconds.
        jumps: number of jumps of the clock.
        farthest_s: largest jump, in seconds.
    """

    def __init__(self, start_s: float | None, *, broadcast: bool = False) -> None:
        self._origin_s = start_s  # timestamp of position 0
        self._last_s: float | None = None
        self._longest_hole_s = _LONGEST_HOLE_IN_BROADCAST_S if broadcast else _LONGEST_HOLE_S
        self.lost = 0
        self.lost_s = 0.0
        self.surplus_s = 0.0
        self.jumps = 0
        self.farthest_s = 0.0

    def restart(self) -> None:
        """Begin the next container, which has a new clock."""
        self._origin_s = self._last_s = None

    def place(
        self, at_s: float | None, position_s: float, *, quiet: bool = False, damaged: bool = False
    ) -> Placement:
        """Find what to insert before a piece of sound.

        Args:
            at_s: its timestamp. Without one (None), or with the last one again, it follows the sound before
                directly.
            position_s: length of the sound before it, including insertions.
            quiet: whether the sound just before it is nearly silent.
            damaged: whether data before it could not be decoded.
        """
        if at_s is None or at_s == self._last_s:  # a clock that stands still is ignored
            return _FITS
        self._last_s = at_s
        if self._origin_s is None:
            self._origin_s = at_s - position_s
        ahead_s = at_s - self._origin_s - position_s
        if ahead_s < -_BACK_S or ahead_s > self._longest_hole_s:
            self._origin_s += ahead_s
            if position_s:
                self.jumps += 1
                self.farthest_s = max(self.farthest_s, abs(ahead_s))
            return _FITS
        if ahead_s < -_OVERLAP_S:
            self.surplus_s += -ahead_s
            return Placement(surplus_s=-ahead_s)
        if ahead_s <= _FILL_S:
            return _FITS
        is_pause = position_s == 0 or (quiet and ahead_s >= _PAUSE_S)
        if is_pause and not damaged:
            return Placement(silence_s=ahead_s)
        self.lost += 1
        self.lost_s += ahead_s
        return Placement(gap_s=ahead_s) if ahead_s > _GAP_S else Placement(silence_s=ahead_s)
