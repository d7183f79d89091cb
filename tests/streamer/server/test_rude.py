"""Clients that were let in and go past every limit: raw frames against a real server, small sizes."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from time import monotonic
from typing import Any

import psutil
import pytest

from streamer.audio.frame import AudioFrame, AudioGap
from streamer.machine.memory_left import Memory
from streamer.server.client_events import ClientEvents
from streamer.server.client_source import SEVERAL_REASONS, StreamSource
from streamer.server.messages import Problem, Refused
from streamer.settings.settings import Settings
from streamer.turn_embedding.analyzer import Analyzer
from tests.streamer.server.raw import BINARY, CONT, PING, START, TEXT, ask, frame, rude
from tests.streamer.server.serving import all_ended, events_of, serving
from tests.streamer.server.test_auth import get
from tests.streamer.server.test_strangers import listening

GAP = json.dumps({"type": "gap", "length_s": 1, "reason": "x" * 200}).encode()


def starting(**fields: object) -> bytes:
    return frame(TEXT, json.dumps({"type": "start", **fields}).encode())


@pytest.mark.slow
async def test_gaps_are_paced_and_end_with_their_client(
    analyzer: Analyzer, settings: Settings, tmp_path: Path
) -> None:
    async with (
        serving(analyzer, settings, events=tmp_path) as (url, streams),
        rude(f"{url}gaps") as client,
    ):
        await client.say(frame(TEXT, START))
        flood = asyncio.create_task(client.say(*20_000 * [frame(TEXT, GAP)]))
        await asyncio.sleep(2)
        flood.cancel()
        client.vanish()
        began = monotonic()
        async with asyncio.timeout(30):
            await all_ended(streams)
        assert monotonic() - began < 10
    events = events_of(tmp_path, "gaps")
    assert len(events) < 1000
    assert events[-1]["reason"].startswith("error: the client disconnected")


async def test_gaps_that_follow_one_another_are_one_and_are_allowed_for_by_time() -> None:
    source = StreamSource("x", 1, live=True, buffer_s=1, max_speed=20)
    await source.put([AudioGap(0, 16_000, "muted"), AudioGap(16_000, 16_000, "muted")])
    await source.put([AudioGap(32_000, 16_000, "lost")])
    long = asyncio.create_task(source.put([AudioGap(48_000, 3_600 * 16_000, "asleep")]))
    await asyncio.sleep(0.05)
    assert not long.done(), "more than an hour, and no time has passed"
    await asyncio.wait_for(long, 10)
    source.end()
    assert [item async for item in source] == [AudioGap(0, 3_603 * 16_000, SEVERAL_REASONS)]


async def test_whoever_left_is_waited_for_no_longer() -> None:
    """It ends at the sound that finds no room, which is told as a gap; what waits is kept."""
    import numpy as np

    source = StreamSource("x", 1, live=False, buffer_s=1, max_speed=1)
    frames = [AudioFrame(np.zeros(1600, np.int16), at) for at in range(0, 160_000, 1600)]
    putting = asyncio.create_task(source.put(frames))
    await asyncio.sleep(0.05)
    assert not putting.done()
    source.abandon(Refused(Problem.DISCONNECTED, "it has gone"))
    await asyncio.wait_for(putting, 1)
    assert source.ended
    told = aiter(source)
    assert [(await anext(told)).start for _ in range(10)] == list(range(0, 16_000, 1600))
    assert await anext(told) == AudioGap(16_000, 1600, "the server fell behind")
    with pytest.raises(Refused, match="it has gone"):
        await anext(told)


@pytest.mark.slow
@pytest.mark.parametrize("where", ["streams/x", "watch"])
async def test_pongs_that_are_not_read_are_not_kept(
    analyzer: Analyzer, settings: Settings, where: str
) -> None:
    limits: dict[str, Any] = {
        "max_messages_per_s": 1e6,
        "max_bytes_per_s": 2.0**30,
        "open_timeout_s": 600,
        "vanished_timeout_s": 600,
        "send_buffer": 4096,
    }
    async with (
        serving(analyzer, settings, **limits) as (url, _),
        rude(url.replace("streams/", where)) as client,
    ):
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        before = psutil.Process().memory_info().rss
        for _ in range(200):
            await client.say(2_000 * frame(PING, b"x" * 125))
        assert psutil.Process().memory_info().rss - before < 30 * 2**20, "50 MB of pongs"


@pytest.mark.slow
@pytest.mark.parametrize(
    "flood",
    [frame(BINARY, b""), frame(BINARY, b"\0\0"), frame(PING), frame(TEXT, b'{"type":"gap","length_s":0.01}')],
)
async def test_tiny_messages_hold_nobody_up(analyzer: Analyzer, settings: Settings, flood: bytes) -> None:
    """Only so many are read, whoever sends however many; the event loop is free between them."""
    async with serving(analyzer, settings) as (url, _), rude(f"{url}tiny") as client:
        await client.say(frame(TEXT, START), frame(BINARY, bytes(3200)))
        await client.until("session.started")
        await asyncio.sleep(0.5)  # the first session of all loads what it listens with
        block = 2**16 // len(flood) * flood
        sent = 0

        async def send() -> None:
            nonlocal sent
            while True:
                await client.say(block)
                sent += len(block)

        flooding = asyncio.create_task(send())
        longest_s = 0.0
        for _ in range(200):
            began = time.thread_time()  # others use this machine, too
            await asyncio.sleep(0.005)
            longest_s = max(longest_s, time.thread_time() - began)
        flooding.cancel()
        assert sent < 2**24, "what is not read waits with the client"
        client.vanish()
        assert longest_s < 0.1
        assert await asyncio.to_thread(ask, url) < 5


async def test_fragments_without_end(analyzer: Analyzer, settings: Settings) -> None:
    async with serving(analyzer, settings, max_messages_per_s=1e5) as (url, _), rude(f"{url}x") as client:
        await client.say(frame(BINARY, b"", fin=False), *5_000 * [frame(CONT, b"", fin=False)])
        assert await client.close_code() == 1009
    async with serving(analyzer, settings) as (url, _), rude(f"{url}x") as client:
        await client.say(frame(TEXT, START[:10], fin=False), frame(CONT, START[10:]))
        assert await client.until("session.started"), "some are as good as one"


@pytest.mark.parametrize(
    "text", [b'"' + b"x" * 100_000 + b'"', b"[" * 16_000, b'{"type":"start","' + b"x" * 9_000 + b'":1}']
)
async def test_long_and_deep_control_messages(analyzer: Analyzer, settings: Settings, text: bytes) -> None:
    async with serving(analyzer, settings) as (url, _), rude(f"{url}x") as client:
        await client.say(frame(TEXT, text))
        error = await client.until("error")
        assert error["code"] == "bad_message"
        assert len(error["message"]) <= 200
        assert await client.close_code() == 4400


async def test_text_that_is_none_makes_no_traceback(
    analyzer: Analyzer, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(analyzer, settings) as (url, _), rude(f"{url}x") as client:
        await client.say(frame(TEXT, b"\xff\xfe"))
        assert await client.close_code() == 1007
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.slow
@pytest.mark.parametrize("farewell", ["reset", "fin"])
async def test_who_leaves_while_not_being_read_is_missed(
    analyzer: Analyzer, settings: Settings, farewell: str
) -> None:
    """A recording that is sent faster than it is taken: the socket is not read when its client goes."""
    async with (
        serving(analyzer, settings, max_speed=1, buffer_s=1) as (url, streams),
        rude(f"{url}x") as client,
    ):
        await client.say(starting(live=False))
        await client.until("session.started")
        client.writer.write(frame(BINARY, bytes(2**20)))
        client.writer.write(frame(BINARY, bytes(2**19)))
        await asyncio.sleep(1)
        [stream] = streams
        assert stream.describe()["connected"]
        if farewell == "reset":
            client.vanish()
        else:
            connected: socket.socket = client.writer.get_extra_info("socket")
            connected.shutdown(socket.SHUT_WR)
        began = monotonic()
        async with asyncio.timeout(20):
            await all_ended(streams)
        assert monotonic() - began < 4


async def test_waiting_sessions_are_streams(analyzer: Analyzer, settings: Settings) -> None:
    """The oldest one that waits for its client gives way; who is there is never sent away for another."""
    async with serving(analyzer, settings, max_streams=3) as (url, streams), rude(f"{url}here") as here:
        await here.say(starting())
        await here.until("session.started")
        for number in range(10):
            async with rude(f"{url}away{number}") as client:
                await client.say(starting(linger_s=60))
                await client.until("session.started")
            assert len(list(streams)) <= 3
            while sum(stream.client.away for stream in streams) < min(number + 1, 2):
                await asyncio.sleep(0.01)
        assert [stream.name for stream in streams] == ["here", "away8", "away9"]


async def test_events_are_bounded_by_their_length_too() -> None:
    class Hangs:
        async def send_text(self, data: str) -> None:
            del data
            await asyncio.Event().wait()

    async with ClientEvents(Hangs(), limit=512, limit_bytes=1000) as events:
        for _ in range(100):
            events.put("x" * 100, partial=False)
        assert events.status.queue is not None
        assert events.status.queue.depth <= 10
        events.put("x" * 5000, partial=False)
        assert events.status.queue.depth == 1
        assert events.shed == 100


async def test_no_stream_begins_when_memory_is_short(analyzer: Analyzer, settings: Settings) -> None:
    async with serving(analyzer, settings, max_memory_mb=1) as (url, _), rude(f"{url}x") as client:
        await client.say(frame(TEXT, START))
        assert (await client.until("error"))["code"] == "out_of_memory"
        assert await client.close_code() == 4429
        status, health = await get(url, "/healthz")
        assert status == 503
        assert isinstance(health, dict)
        assert [reason["part"] for reason in health["reasons"]] == ["memory"]
    async with serving(analyzer, settings, max_memory_mb=2**20) as (url, _), rude(f"{url}x") as client:
        await client.say(frame(TEXT, START))
        assert await client.until("session.started")


@pytest.mark.parametrize("version", [1, 2])
def test_the_memory_of_a_control_group(tmp_path: Path, version: int) -> None:
    """Files as the kernel writes them: what is used, without what it would give back, against the limit."""
    used, limit, cache, root, line = {
        1: (
            "memory.usage_in_bytes",
            "memory.limit_in_bytes",
            "total_inactive_file",
            "memory",
            "4:memory:/box",
        ),
        2: ("memory.current", "memory.max", "inactive_file", "", "0::/box"),
    }[version]
    proc, groups = tmp_path / "proc", tmp_path / "groups"
    group = groups / root / "box"
    group.mkdir(parents=True)
    (proc / "self").mkdir(parents=True)
    (proc / "self" / "cgroup").write_text(f"{line}\n")
    (group / limit).write_text("1000000000\n")
    (group / used).write_text("950000000\n")
    (group / "memory.stat").write_text(f"anon 1\n{cache} 100000000\n")
    memory = Memory(proc=proc, groups=groups)
    assert memory.shortage() is None
    (group / "memory.stat").write_text(f"{cache} 1000000\n")
    assert "control group" in (memory.shortage() or "")
    (group / limit).write_text("max\n")
    assert Memory(proc=proc, groups=groups).shortage() is None


def test_the_address_space_is_a_limit() -> None:
    program = (
        "import resource, mmap; resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30));"
        "from streamer.machine.memory_left import Memory; m = Memory();"
        "assert m.shortage() is None, m.shortage();"
        "keep = mmap.mmap(-1, 975 * 2**20); assert 'address space' in m.shortage()"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.system
@pytest.mark.parametrize("busy", [True, False])
def test_a_second_signal_leaves_at_once(bundle: Path, tmp_path: Path, *, busy: bool) -> None:
    """Whatever goes on: here a client that does not go, and a thread that would go on for ten minutes."""
    thread = "threading.Thread(target=time.sleep, args=[600]).start(); " if busy else ""
    program = (
        "import sys, threading, time; from streamer.cli.app import main; "
        f"{thread}sys.argv[0] = 'merits'; main()"
    )
    log = tmp_path / "log"
    options = ["--port", "0", "--asr", "none", "--bundle", str(bundle)]
    command = [sys.executable, "-c", program, "serve", *options]
    with log.open("w") as errors:
        server = subprocess.Popen(command, stderr=errors)
    try:
        assert asyncio.run(_interrupted_twice(listening(log), server)) < 3
        assert server.returncode == 143
    finally:
        server.kill()
        server.wait()
    assert "Traceback" not in log.read_text()


async def _interrupted_twice(url: str, server: "subprocess.Popen[bytes]") -> float:
    """How long it takes to end after the second signal, in seconds."""
    async with rude(f"{url}x") as client:
        await client.say(frame(TEXT, START))
        await client.until("session.started")
        server.send_signal(signal.SIGTERM)
        await client.until("session.ended")
        began = monotonic()
        server.send_signal(signal.SIGTERM)
        await asyncio.to_thread(server.wait, 20)
        return monotonic() - began
