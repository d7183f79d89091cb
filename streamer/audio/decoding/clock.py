"""Keeps decoded sound on its container's clock: where each piece belongs, and what is missing before it."""

from dataclasses import dataclass

_FILL_S = 0.018
"""Less may be rounding of timestamps, or Vorbis, whose blocks of two sizes come up to 14 ms early; packets of
20 ms are not."""

_OVERLAP_S = 0.05
"""So much sound may come twice, or too early, before some of it is cut off."""

_BACK_S = 1.0
"""A piece earlier than this does not overlap: the clock was set back."""

_GAP_S = 0.5
"""Lost sound from here on is a gap of its own; less is silence, which ends no turn."""

_PAUSE_S = 0.1
"""Quiet sound that stops for so long is a pause that was not sent; for less, packets were lost in it."""

_LONGEST_HOLE_S = 3600.0
"""A longer jump forwards is of the clock: no sound is missing."""

_LONGEST_HOLE_IN_BROADCAST_S = 10.0
"""The same in containers that are cut and joined freely (FFmpeg's `dts_delta_threshold`)."""


@dataclass(frozen=True, slots=True)
class Placement:
    """What to do before a piece of sound is taken; one of these at most is not 0.

    Silence or lost sound is put before it, or its front is cut off, which overlaps what came before.
    """

    silence_s: float = 0.0
    gap_s: float = 0.0
    surplus_s: float = 0.0


_FITS = Placement()


class ContainerClock:
    """Compares the timestamps with how much sound there is so far, which is the only sum that is kept.

    Args:
        start_s: when the container begins, by its timestamps; None where it does not say.
        broadcast: whether clocks that jump are usual in the container (MPEG-TS).

    Attributes:
        lost: how many times sound was lost.
        lost_s: how much, in seconds.
        surplus_s: how much came twice, or too early, and was left out, in seconds.
        jumps: how many times the clock was set forwards or back.
        farthest_s: by how much at the most, in seconds.
    """

    def __init__(self, start_s: float | None, *, broadcast: bool = False) -> None:
        self._origin_s = start_s  # the timestamp of position 0
        self._last_s: float | None = None
        self._longest_hole_s = _LONGEST_HOLE_IN_BROADCAST_S if broadcast else _LONGEST_HOLE_S
        self.lost = 0
        self.lost_s = 0.0
        self.surplus_s = 0.0
        self.jumps = 0
        self.farthest_s = 0.0

    def restart(self) -> None:
        """Another container follows, with a clock of its own."""
        self._origin_s = self._last_s = None

    def place(
        self, at_s: float | None, position_s: float, *, quiet: bool = False, damaged: bool = False
    ) -> Placement:
        """Say what stands before a piece of sound.

        Args:
            at_s: its timestamp; None where it has none. It then follows what came before, as where it is the
                same once more.
            position_s: how much sound there is before it, everything put in included.
            quiet: whether what came just before it is next to silence.
            damaged: whether something before it could not be decoded.
        """
        if at_s is None or at_s == self._last_s:  # a clock that stands is none
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
