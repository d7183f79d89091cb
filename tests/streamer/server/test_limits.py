"""Every limit, with real sockets."""

import asyncio
import json
import socket
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from streamer.audio.frame import SAMPLE_RATE, AudioFrame, AudioGap
from streamer.server.client_source import SHED_REASON, StreamSource
from streamer.settings.settings import Settings
from streamer.turn_embedding.analyzer import Analyzer
from tests.streamer.server.serving import END, all_ended, events_of, read, send, serving, start, stream, until
from tests.streamer.sound import conversation

SECOND = bytes(2 * SAMPLE_RATE)


async def test_no_more_streams_than_allowed(analyzer: Analyzer, settings: Settings) -> None:
    async with serving(analyzer, settings, max_streams=1) as (url, streams):
        async with connect(f"{url}one") as one:
            await one.send(start())
            await until(one, "session.started")
            refused = await stream(f"{url}two", SECOND)
            assert (refused.error, refused.close_code) == ("too_many_streams", 4429)
            await one.send(END)
            assert (await read(one)).close_code == 1000
        await all_ended(streams)
        assert (await stream(f"{url}two", SECOND)).close_code == 1000


@pytest.mark.parametrize("name", ["-x", "a%20b", "%C3%A9", "x" * 65, "a+b"])
async def test_names(analyzer: Analyzer, settings: Settings, name: str) -> None:
    async with serving(analyzer, settings) as (url, _):
        told = await stream(f"{url}{name}", SECOND)
    assert (told.error, told.close_code) == ("bad_name", 4404)


@pytest.mark.parametrize(
    "message",
    [
        b"sound",
        "no JSON",
        "[1]",
        json.dumps({"type": "end"}),
        start(format="mp3"),
        start(surprise=1),
        start(format="container", rate=8000),
        start(format="container", split=True),
        start(channels=2, split=True, speakers=["one"]),
        start(channels=0),
        start(speakers=[]),
    ],
)
async def test_what_is_no_start(analyzer: Analyzer, settings: Settings, message: str | bytes) -> None:
    async with serving(analyzer, settings) as (url, _), connect(f"{url}x") as websocket:
        await websocket.send(message)
        told = await read(websocket)
    assert (told.error, told.close_code) == ("bad_message", 4400)


@pytest.mark.parametrize("message", ["?", start(), json.dumps({"type": "gap", "length_s": -1})])
async def test_a_rule_broken_later_ends_the_stream_alone(
    analyzer: Analyzer, settings: Settings, message: str
) -> None:
    async with serving(analyzer, settings) as (url, _), connect(f"{url}x") as websocket:
        await websocket.send(start())
        await send(websocket, conversation()[:64_000].tobytes(), end=False)
        await websocket.send(message)
        told = await read(websocket)
    assert told.of("turn.final"), "what was heard before is told"
    assert told.messages[-2]["reason"].startswith("error: ")
    assert (told.error, told.close_code) == ("bad_message", 4400)


async def test_a_message_that_is_too_long(analyzer: Analyzer, settings: Settings, tmp_path: Path) -> None:
    async with serving(analyzer, settings, events=tmp_path, max_message_bytes=50_000) as (url, streams):
        async with connect(f"{url}x") as websocket:
            await websocket.send(start())
            await websocket.send(SECOND)
            await until(websocket, "session.started")
            with suppress(ConnectionClosed):
                await websocket.send(bytes(50_001))
            assert (await read(websocket)).close_code == 1009
        await all_ended(streams)
    [*_, ended] = events_of(tmp_path, "x")
    assert (ended["type"], ended["audio_s"]) == ("session.ended", 1)


@pytest.mark.slow
async def test_silence_on_the_line(analyzer: Analyzer, settings: Settings) -> None:
    async with serving(analyzer, settings, open_timeout_s=0.3, idle_timeout_s=0.6) as (url, _):
        async with connect(f"{url}mute") as websocket:
            told = await read(websocket)
            assert (told.error, told.close_code) == ("timeout", 4408)
        async with connect(f"{url}idle") as websocket:
            await websocket.send(start())
            for _ in range(4):
                await asyncio.sleep(0.3)
                await websocket.send(b"")  # a sign of life
            began = monotonic()
            told = await read(websocket)
            assert monotonic() - began > 0.3
            assert (told.error, told.close_code) == ("timeout", 4408)
            assert told.messages[-2]["reason"].startswith("error: nothing came")


@pytest.mark.slow
async def test_faster_than_allowed_is_slowed_and_nothing_lost(analyzer: Analyzer, settings: Settings) -> None:
    async with serving(analyzer, settings, max_speed=10, buffer_s=1) as (url, _):
        began = monotonic()
        told = await stream(f"{url}fast", SECOND * 11)
        assert monotonic() - began >= 1, "after a second's worth at any speed"
    assert told.messages[-1]["audio_s"] == 11
    assert told.messages[-1]["gaps"] == 0


@pytest.mark.slow
async def test_a_client_that_does_not_read_is_told_what_was_shed(
    analyzer: Analyzer, settings: Settings, tmp_path: Path
) -> None:
    """Its sound goes on being analyzed; its events beyond the bound are shed, oldest first, and counted."""
    gap = json.dumps({"type": "gap", "length_s": 1, "reason": "x" * 200})
    count = 2_000
    small = socket.socket()
    small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    limits: dict[str, Any] = {
        "pending_events": 16,
        "max_controls_per_s": 1e5,
        "max_messages_per_s": 1e5,
        "close_timeout_s": 60,
        "send_buffer": 4096,
    }
    async with serving(analyzer, settings, events=tmp_path, **limits) as (url, _):
        small.connect(("127.0.0.1", int(url.split(":")[2].split("/")[0])))
        async with connect(f"{url}deaf", max_queue=1, sock=small) as websocket:
            await websocket.send(start())
            for _ in range(count):
                await websocket.send(gap)
                await websocket.send(bytes(640))
            await websocket.send(END)
            while not has_ended(tmp_path):
                await asyncio.sleep(0.05)
            told = await read(websocket)
    written = events_of(tmp_path, "deaf")
    assert len(written) == count + 2
    shed = told.of("events.shed")
    events = [message for message in told.messages if message["type"] != "events.shed"]
    assert shed
    assert sum(notice["count"] for notice in shed) + len(events) == len(written)
    assert events[-1] == written[-1]
    where = told.messages.index(shed[0])
    assert told.messages[where + 1]["seq"] - told.messages[where - 1]["seq"] == shed[0]["count"] + 1


def has_ended(folder: Path) -> bool:
    return any(b"session.ended" in path.read_bytes() for path in folder.iterdir())


async def test_what_is_live_is_never_held_back_without_saying_so() -> None:
    """The pipeline stands still: a full buffer sheds, then goes on where there is room again."""
    source = StreamSource("x", 1, live=True, buffer_s=1, max_speed=1000)
    frames = [AudioFrame(np.zeros(320, np.int16), at) for at in range(0, 5 * SAMPLE_RATE, 320)]
    await source.put(frames[:100])  # two seconds, one of them too many
    assert source.waiting == SAMPLE_RATE
    items = aiter(source)
    taken = [await anext(items) for _ in range(25)]
    await source.put(frames[100:101])  # half of the buffer is free again
    await source.put(frames[101:102])
    source.end()
    taken += [item async for item in items]
    gaps = [item for item in taken if isinstance(item, AudioGap)]
    assert gaps == [AudioGap(SAMPLE_RATE, SAMPLE_RATE, SHED_REASON)]
    at = 0
    for item in taken:
        assert item.start == at
        at += item.length if isinstance(item, AudioGap) else len(item.samples)
    assert at == 102 * 320


async def test_what_is_not_live_waits() -> None:
    source = StreamSource("x", 1, live=False, buffer_s=1, max_speed=1000)
    frames = [AudioFrame(np.zeros(320, np.int16), at) for at in range(0, 3 * SAMPLE_RATE, 320)]
    putting = asyncio.create_task(source.put(frames))
    await asyncio.sleep(0.05)
    assert not putting.done()
    assert source.waiting <= SAMPLE_RATE
    taken = []
    async for item in source:
        assert source.waiting <= SAMPLE_RATE
        taken.append(item)
        if len(taken) == len(frames):
            source.end()
    assert taken == frames
    await putting
