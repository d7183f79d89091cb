"""Load shedding: what was shed, and when to publish a `health` event."""

import math
from collections import Counter
from typing import Literal, NamedTuple

CALM_S = 5.0
"""The overload is over when nothing was shed for this long."""

Sheddable = Literal["partials", "speculation"]


class Report(NamedTuple):
    """Whether the analysis keeps up with everything, and what is the matter, in one line."""

    status: Literal["ok", "degraded"]
    message: str


class LoadShedder:
    """Counts what is shed: partials first, then speculation, never turns. Pure: the caller passes the time.

    Attributes:
        counts: number of shed items of each kind, in this session.
    """

    def __init__(self) -> None:
        self.counts: Counter[Sheddable] = Counter()
        self._shed_at: dict[Sheddable, float] = {}
        self._backlog = 0
        self._excused_until_s = -math.inf
        self._reported: tuple[str, str | None] = ("ok", None)

    @property
    def behind(self) -> bool:
        """Whether the source has to wait."""
        return self._backlog > 0

    def excuse(self, until_s: float) -> None:
        """Shedding is no overload until then: sound that waited for the models comes all at once."""
        self._excused_until_s = until_s

    def shed(self, what: Sheddable, now_s: float) -> None:
        """Count an item that was shed."""
        self.counts[what] += 1
        if now_s >= self._excused_until_s:
            self._shed_at[what] = now_s

    def set_backlog(self, turns: int) -> None:
        """Set the number of waiting turns for which the source has to wait; 0 when it need not."""
        self._backlog = turns

    def report(self, now_s: float, trouble: str | None = None) -> Report | None:
        """The report to publish now, if the status or the recogniser's trouble has changed."""
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
