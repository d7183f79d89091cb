"""The outbox's own time: whatever is done to the clocks of a machine, age is what has passed."""

import math
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.outbox.age import OutboxTime, Reading, read_clock

passes = st.floats(0, 1e6)


@given(st.lists(st.tuples(st.booleans(), passes, st.booleans())), st.booleans())
def test_it_goes_on_with_what_passes_and_never_faster(
    steps: list[tuple[bool, float, bool]], named: bool
) -> None:
    """Each step: whether the machine starts anew, what passes, and whether the time is noted then."""
    truth = ticks = 0.0
    boot = 0
    noted = OutboxTime().at(Reading("0" if named else "", 0.0))
    last_s = 0.0
    for restart, seconds, note in steps:
        truth += seconds
        if restart:
            boot, ticks = boot + 1, seconds
        else:
            ticks += seconds
        now = noted.at(Reading(str(boot) if named else "", ticks))
        assert now.now_s >= noted.now_s, "it never goes back"
        assert now.now_s <= truth + 1e-6 * (1 + truth), "and never runs ahead"
        if note:
            noted, last_s = now, now.now_s
    assert noted.now_s == last_s


@given(st.lists(passes, min_size=1), passes)
def test_within_a_boot_it_is_exact(steps: list[float], start_s: float) -> None:
    first = at = OutboxTime().at(Reading("a", start_s))
    ticks = start_s
    for seconds in steps:
        ticks += seconds
        at = at.at(Reading("a", ticks))
    coarse_s = len(steps) * math.ulp(max(ticks, at.now_s))
    assert at.now_s - first.now_s == pytest.approx(sum(steps), abs=2 * coarse_s)


def test_after_a_new_start_the_time_since_then_has_passed_at_least() -> None:
    before = OutboxTime().at(Reading("a", 500.0))
    after = before.at(Reading("b", 20.0))
    assert after.now_s == 520.0
    assert after.at(Reading("b", 25.0)).now_s == 525.0


@pytest.mark.skipif(sys.platform != "linux", reason="boots have names on Linux alone")
def test_the_machine_s_clock_is_not_the_wall_clock() -> None:
    first, second = read_clock(), read_clock()
    assert first.boot == second.boot != ""
    assert 0 <= second.ticks_s - first.ticks_s < 60
    assert abs(first.ticks_s - time.time()) > 1e6


@pytest.mark.skipif(sys.platform != "linux", reason="boots have names on Linux alone")
def test_where_boots_are_not_named_it_is_read_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamer.outbox.age._BOOT_ID", tmp_path / "nothing")
    assert read_clock().boot == ""
    assert read_clock().ticks_s > 0
