import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streamer.audio.capture import CaptureBuffer, Lost, Watchdog
from streamer.audio.cutter import FrameCutter
from streamer.audio.frame import FRAME_SAMPLES, LONGEST_FRAME
from streamer.audio.ring import SampleRing


def block(n: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.zeros(n, np.float32)


@given(st.lists(st.one_of(st.integers(1, 400), st.none()), max_size=60))
def test_every_sample_is_delivered_or_counted(steps: list[int | None]) -> None:
    buffer = CaptureBuffer(1000, capacity_s=1)
    given_, got = 0, 0
    now = 0.0
    for step in [*steps, None]:
        if step is None:
            items = buffer.take()
            got += sum(item.samples if isinstance(item, Lost) else len(item) for item in items)
            assert sum(len(item) for item in items if not isinstance(item, Lost)) <= 1000
        else:
            now += step / 1000
            given_ += step
            buffer.put(block(step), now, overflowed=False)
    assert got == given_


def test_a_reader_that_is_too_slow_is_told_what_it_missed_and_where() -> None:
    buffer = CaptureBuffer(1000, capacity_s=1)
    for i in range(15):
        buffer.put(block(100), i / 10, overflowed=False)
    *kept, lost = buffer.take()
    assert len(kept) == 10
    assert lost == Lost(500, "buffer full")
    buffer.put(block(100), 1.6, overflowed=False)
    assert not isinstance(buffer.take()[0], Lost)


def test_the_length_of_an_overflow_is_told_by_the_clock() -> None:
    buffer = CaptureBuffer(16_000, capacity_s=5)
    for i in range(10):
        buffer.put(block(320), 0.02 * (i + 1) + (0.005 if i % 3 else 0.0), overflowed=False)
    buffer.put(block(320), 0.2 + 0.5 + 0.02, overflowed=True)  # half a second went missing
    items = buffer.take()
    assert items[10] == Lost(8000, "overflow")
    assert len(items) == 12


def test_a_watchdog_reports_once_waits_ever_longer_and_says_how_long() -> None:
    watchdog = Watchdog(patience_s=1, first_patience_s=3, first_retry_s=0.25, longest_retry_s=1)
    watchdog.opened(8)
    assert watchdog.patience_left_s(10) == 1
    assert watchdog.heard(10.5) is None
    assert watchdog.patience_left_s(11) == 0.5
    assert watchdog.patience_left_s(12) == 0
    assert watchdog.lost()
    assert [watchdog.retry_in_s() for _ in range(4)] == [0.25, 0.5, 1, 1]
    watchdog.opened(15)
    assert watchdog.patience_left_s(15) == 3
    assert not watchdog.lost()  # opened, but nothing came: no news
    watchdog.opened(17)
    assert watchdog.heard(17.5) == 7.0  # since it was last heard, at 10.5
    assert watchdog.retry_in_s() == 0.25
    assert watchdog.heard(18) is None


@given(st.lists(st.integers(0, 1000), max_size=20), st.sampled_from([FRAME_SAMPLES, LONGEST_FRAME]))
def test_a_cutter_loses_and_invents_nothing(lengths: list[int], longest: int) -> None:
    sound = np.arange(sum(lengths), dtype=np.int16)
    cutter, frames, at = FrameCutter(1, longest), [], 0
    for length in lengths:
        cutter.append(sound[at : at + length])
        at += length
        frames += cutter.cut()
    assert all(len(frame.samples) % FRAME_SAMPLES == 0 for frame in frames)
    assert at - sum(len(frame.samples) for frame in frames) < FRAME_SAMPLES
    frames += cutter.cut(flush=True)
    assert np.array_equal(np.concatenate([frame.samples for frame in frames] or [sound]), sound)
    assert all(0 < len(frame.samples) <= longest for frame in frames)
    assert cutter.skip(100, "test").start == len(sound)
    assert cutter.at == len(sound) + 100


@given(st.lists(st.integers(0, 70), max_size=30), st.data())
def test_a_ring_keeps_the_newest(lengths: list[int], data: st.DataObject) -> None:
    ring, at = SampleRing(50, start=7), 7
    for length in lengths:
        ring.append(np.arange(at, at + length, dtype=np.int16))
        at += length
    assert ring.stop == at
    assert ring.start == max(7, at - 50)
    start = data.draw(st.integers(ring.start, ring.stop))
    stop = data.draw(st.integers(start, ring.stop))
    assert ring.read(start, stop).tolist() == list(range(start, stop))
