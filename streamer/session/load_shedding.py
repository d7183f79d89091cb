"""What is shed when time is short, and when that is worth a `health` event."""

from collections import Counter
from typing import Literal, NamedTuple

CALM_S = 5.0
"""Time is no longer short when nothing was shed for so long."""

Sheddable = Literal["partials", "speculation"]


class Report(NamedTuple):
    """Whether the analysis keeps up with everything, and what is the matter, in one line."""

    status: Literal["ok", "degraded"]
    message: str


class LoadShedder:
    """Counts what is shed: partials first, then speculation; turns never. Pure: it is told the time.

    Attributes:
        counts: how much was shed of each, in this session.
    """

    def __init__(self) -> None:
        self.counts: Counter[Sheddable] = Counter()
        self._shed_at: dict[Sheddable, float] = {}
        self._backlog = 0
        self._reported: tuple[str, str | None] = ("ok", None)

    @property
    def behind(self) -> bool:
        """Whether the source is held back."""
        return self._backlog > 0

    def shed(self, what: Sheddable, now_s: float) -> None:
        """Something was not done for want of time."""
        self.counts[what] += 1
        self._shed_at[what] = now_s

    def set_backlog(self, turns: int) -> None:
        """So many turns wait that the source has to; 0 when that is over."""
        self._backlog = turns

    def report(self, now_s: float, trouble: str | None = None) -> Report | None:
        """What is to be said now: only when the status has changed, or what troubles the recogniser."""
        shed = [what for what, at_s in self._shed_at.items() if now_s - at_s < CALM_S]
        matters = [trouble] if trouble else []
        if self._backlog:
            matters.append(f"analysis is behind: {self._backlog} turns wait")
        elif shed:
            matters.append(f"time is short: {' and '.join(sorted(shed))} left out")
        _, trouble_before = before = self._reported
        if matters:
            report = Report("degraded", "; ".join(matters))
        else:
            report = Report("ok", "the recogniser is back" if trouble_before else "analysis has caught up")
        self._reported = (report.status, trouble)
        return None if self._reported == before else report
