"""Containers over a websocket: what a client sends may be anything, and it may go at any time."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

import numpy as np
import pytest
from websockets.asyncio.client import connect

from streamer.audio.frame import FRAME_SAMPLES, AudioFrame, AudioGap
from streamer.server import audio_decoders
from streamer.server.audio_decoders import ContainerDecoder
from streamer.server.client_source import StreamSource
from streamer.server.messages import Problem, Refused
from streamer.settings.settings import Settings
from streamer.turn_embedding.analyzer import Analyzer
from tests.streamer.audio.containers import bursts, flac, mux, starts_of_bursts
from tests.streamer.audio.recordings import tone, write
from tests.streamer.server.serving import all_ended, serving, start, stream, until

LONG = flac(16_000, 12_000)
"""13 hours in 180 kB."""


def source() -> StreamSource:
    return StreamSource("a", 1, live=False, buffer_s=2.0, max_speed=1e6)


@pytest.mark.parametrize("gone", [None, Refused(Problem.DISCONNECTED, "gone")])
async def test_a_feed_that_is_closed_ends_its_decoder(gone: Refused | None) -> None:
    sink = source()
    decoder = ContainerDecoder(sink, split=False)
    await decoder.decode(LONG)
    items = aiter(sink)
    await anext(items)
    began = monotonic()
    if gone is not None:
        finishing = asyncio.create_task(decoder.finish(gone))
        await asyncio.wait([finishing], timeout=10)
        assert finishing.done()
    await decoder.close()
    assert monotonic() - began < 3  # nobody reads what it still had to put


async def test_what_a_client_sent_before_it_broke_off_is_taken(tmp_path: Path) -> None:
    data = write(tmp_path / "a.flac", tone(1.5, 16_000), 16_000, "flac").read_bytes()
    sink = source()
    decoder = ContainerDecoder(sink, split=False)
    await decoder.decode(data)
    await decoder.finish(Refused(Problem.DISCONNECTED, "gone"))
    frames = [await anext(items) for items in [aiter(sink)] for _ in range(75)]
    assert sum(len(frame.samples) for frame in frames if isinstance(frame, AudioFrame)) == 24_000
    with pytest.raises(Refused):
        await anext(aiter(sink))
    await decoder.close()


class CancelledOnceTaken(StreamSource):
    """Its second batch is cancelled when all of it has been taken, as by a client that goes just then."""

    batches = 0

    async def put(self, items: Sequence[AudioFrame | AudioGap]) -> None:
        await super().put(items)
        self.batches += 1
        if self.batches == 2:
            raise asyncio.CancelledError


async def test_what_was_taken_when_a_client_went_is_not_taken_again() -> None:
    sink = CancelledOnceTaken("a", 1, live=False, buffer_s=60.0, max_speed=1e6)
    decoder = ContainerDecoder(sink, split=False)
    await decoder.decode(LONG)
    frames = [frame async for frame in sink if isinstance(frame, AudioFrame)]
    assert [frame.start for frame in frames] == [n * FRAME_SAMPLES for n in range(10)]
    await decoder.close()


async def test_lost_packets_of_a_stream_leave_the_rest_at_its_time(tmp_path: Path) -> None:
    sound = bursts(20, 48_000, [1.0, 18.0]) + tone(20, 48_000, level=0.02)
    data = mux(tmp_path / "a.webm", sound, 48_000, "libopus", lambda n, _: n % 25 != 12).read_bytes()
    sink = StreamSource("a", 1, live=False, buffer_s=60.0, max_speed=1e6)
    decoder = ContainerDecoder(sink, split=False)
    await decoder.decode(data)
    await decoder.finish()
    parts = [item.samples async for item in sink if isinstance(item, AudioFrame)]
    assert starts_of_bursts(np.concatenate(parts)) == pytest.approx([1.0, 18.0], abs=0.03)
    await decoder.close()


@pytest.mark.slow
async def test_a_client_that_goes_takes_its_decoder_with_it(analyzer: Analyzer, settings: Settings) -> None:
    async with serving(analyzer, settings, buffer_s=2.0) as (url, streams):
        async with connect(f"{url}long") as websocket:
            await websocket.send(start(format="container"))
            await websocket.send(LONG)
            await until(websocket, "session.started")
            websocket.transport.abort()
        began = monotonic()
        await asyncio.wait_for(all_ended(streams), 20)
        assert monotonic() - began < 10  # of which the decoder had a second


async def test_a_client_that_goes_is_listed_as_gone_while_it_is_still_told(
    analyzer: Analyzer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audio_decoders, "_LAST_S", 5.0)
    async with serving(analyzer, settings, buffer_s=2.0) as (url, streams):
        async with connect(f"{url}long") as websocket:
            await websocket.send(start(format="container"))
            await websocket.send(LONG)
            await until(websocket, "session.started")
            [stream] = streams
            assert stream.describe()["connected"]
            websocket.transport.abort()
        async with asyncio.timeout(2):
            while stream.describe()["connected"]:
                await asyncio.sleep(0.02)
        assert not stream.ended.is_set()


@pytest.mark.parametrize(
    "data",
    [
        flac(8, 2),
        b"#EXTM3U\n#EXTINF:5,\nhttp://127.0.0.1:18099/a.ts\n" * 9,
        b"ffconcat version 1.0\nfile a.ts\n" * 9,
    ],
    ids=["8 Hz", "hls", "concat"],
)
async def test_what_is_no_sound_is_undecodable(analyzer: Analyzer, settings: Settings, data: bytes) -> None:
    async with serving(analyzer, settings) as (url, _):
        told = await stream(f"{url}odd", data, format="container")
    assert told.error == "undecodable"
    assert "\n" not in told.of("error")[0]["message"]


async def test_a_stream_that_is_cut_is_analyzed_as_far_as_it_goes(
    analyzer: Analyzer, settings: Settings, tmp_path: Path
) -> None:
    noise = np.random.default_rng(2).uniform(-0.5, 0.5, 3 * 16_000).astype(np.float32)
    data = write(tmp_path / "a.flac", noise, 16_000, "flac").read_bytes()
    async with serving(analyzer, settings) as (url, _):
        told = await stream(f"{url}cut", data[: len(data) * 2 // 3], format="container")
    assert told.error is None
    assert told.close_code == 1000
    [ended] = told.of("session.ended")
    assert ended["reason"] == "end of input"
    assert ended["audio_s"] == pytest.approx(2, abs=0.3)
