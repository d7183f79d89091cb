"""The state machine that keeps sound on its container's clock."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.audio.decoding.clock import ContainerClock, Placement

PACKET_S = 0.02
LATE_S = 0.06
"""How far apart a clock and its sound may be: less than a player lets them."""


class Line:
    """Sound laid down as the clock says, packets of `PACKET_S`."""

    def __init__(self, clock: ContainerClock) -> None:
        self.clock = clock
        self.position_s = 0.0
        self.silence_s = 0.0
        self.gaps: list[float] = []

    def packet(self, at_s: float | None, *, quiet: bool = False, damaged: bool = False) -> float:
        """Take a packet; returns where it was laid down."""
        placement = self.clock.place(at_s, self.position_s, quiet=quiet, damaged=damaged)
        self.position_s += placement.silence_s + placement.gap_s
        self.silence_s += placement.silence_s
        self.gaps += [placement.gap_s] * bool(placement.gap_s)
        began_s = self.position_s
        self.position_s += max(0.0, PACKET_S - placement.surplus_s)
        return began_s


@settings(deadline=None, max_examples=50)
@given(lost=st.sets(st.integers(1, 999), max_size=400), jitter=st.lists(st.floats(-1e-3, 1e-3), min_size=1))
def test_whatever_is_lost_what_comes_is_where_it_belongs(lost: set[int], jitter: list[float]) -> None:
    line = Line(ContainerClock(0.0))
    for number in range(1000):
        if number not in lost:
            at_s = number * PACKET_S
            laid_s = line.packet(at_s + jitter[number % len(jitter)] * (number > 0))
            assert abs(laid_s - at_s) < 0.02
    heard_s = line.silence_s + sum(line.gaps) + (1000 - len(lost)) * PACKET_S
    assert heard_s == pytest.approx(line.position_s, abs=0.1)
    assert line.clock.lost_s == pytest.approx(sum(line.gaps) + line.silence_s)
    assert line.clock.jumps == 0


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(-7e-3, 7e-3), min_size=2, max_size=500))
def test_jitter_puts_nothing_in_and_takes_nothing_out(jitter: list[float]) -> None:
    line = Line(ContainerClock(0.0))
    for number, off_s in enumerate(jitter):
        line.packet(number * PACKET_S + off_s)
    assert line.position_s == pytest.approx(len(jitter) * PACKET_S)
    assert line.clock.lost == 0


@settings(deadline=None, max_examples=20)
@given(st.floats(0.9995, 1.0005))
def test_a_clock_that_goes_a_little_fast_or_slow_is_kept_up_with(speed: float) -> None:
    line = Line(ContainerClock(0.0))
    for number in range(5_000):
        at_s = number * PACKET_S * speed
        assert abs(line.packet(at_s) - at_s) < LATE_S


@settings(deadline=None, max_examples=50)
@given(jumps=st.lists(st.floats(-1e6, 1e6).filter(lambda by_s: by_s < -1.1 or by_s > 10.1), max_size=20))
def test_time_goes_on_over_jumps(jumps: list[float]) -> None:
    line = Line(ContainerClock(None, broadcast=True))
    clock_s = 5.0
    for by_s in [*jumps, 0.0]:
        for _ in range(100):
            line.packet(clock_s)
            clock_s += PACKET_S
        clock_s += by_s
    assert line.position_s == pytest.approx((len(jumps) + 1) * 100 * PACKET_S, abs=1e-3)
    assert line.clock.jumps == len(jumps)
    assert line.clock.lost == 0
    assert line.clock.farthest_s == pytest.approx(max(map(abs, jumps), default=0.0), abs=1e-3)


@settings(deadline=None)
@given(
    pieces=st.lists(
        st.tuples(st.one_of(st.none(), st.floats(-1e9, 1e9)), st.booleans(), st.booleans()), max_size=100
    ),
    start_s=st.one_of(st.none(), st.floats(-1e9, 1e9)),
)
def test_no_timestamps_whatever_make_more_than_an_hour_of_nothing(
    pieces: list[tuple[float | None, bool, bool]], start_s: float | None
) -> None:
    line = Line(ContainerClock(start_s))
    for at_s, quiet, damaged in pieces:
        before_s = line.position_s
        line.packet(at_s, quiet=quiet, damaged=damaged)
        assert 0 <= line.position_s - before_s <= 3600 + PACKET_S


def test_sound_that_begins_late_begins_late() -> None:
    line = Line(ContainerClock(1.4))
    assert line.packet(6.3) == pytest.approx(4.9)
    assert line.clock.lost == 0


def test_what_begins_with_its_container_begins_at_once() -> None:
    assert ContainerClock(7_200.0).place(7_200.0, 0.0) == Placement()
    assert ContainerClock(None).place(7_200.0, 0.0) == Placement()


def test_pauses_that_were_not_sent_are_no_loss() -> None:
    line = Line(ContainerClock(0.0))
    line.packet(0.0)
    assert line.packet(0.4, quiet=True) == pytest.approx(0.4)
    assert line.packet(90.4, quiet=True) == pytest.approx(90.4)
    assert (line.clock.lost, line.gaps) == (0, [])
    line.packet(90.84, damaged=True, quiet=True)
    assert line.clock.lost == 1


def test_much_that_is_lost_is_a_gap() -> None:
    line = Line(ContainerClock(0.0))
    line.packet(0.0)
    line.packet(2.02)
    assert line.gaps == [pytest.approx(2.0)]
    assert line.clock.lost_s == pytest.approx(2.0)


def test_what_overlaps_is_cut_off() -> None:
    clock = ContainerClock(0.0)
    assert clock.place(9.96, 10.0) == Placement()
    assert clock.place(9.9, 10.0).surplus_s == pytest.approx(0.1)
    assert clock.jumps == 0


def test_another_container_begins_where_the_one_before_ended() -> None:
    clock = ContainerClock(0.0)
    assert clock.place(0.0, 0.0) == Placement()
    clock.restart()
    assert clock.place(0.0, 0.5) == Placement()
    assert clock.place(0.02, 0.52) == Placement()
    assert clock.jumps == 0


def test_a_clock_that_stands_takes_nothing_away() -> None:
    clock = ContainerClock(0.0)
    assert [clock.place(0.0, 0.02 * i) for i in range(500)] == [Placement()] * 500
    assert (clock.jumps, clock.surplus_s) == (0, 0.0)


def test_pieces_without_a_time_follow_what_came_before() -> None:
    line = Line(ContainerClock(0.0))
    assert [line.packet(at_s) for at_s in (0.0, None, None, 0.06)] == pytest.approx([0, 0.02, 0.04, 0.06])
