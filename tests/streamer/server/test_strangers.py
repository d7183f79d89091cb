"""Whoever connects, before it is known who that is: a real server, raw sockets."""

import asyncio
import gc
import logging
import resource
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path
from time import monotonic

import psutil
import pytest
from starlette.applications import Starlette

from streamer import server
from streamer.server.transport import open_file_limit
from streamer.server.transport.accepting import BoundedServer, make_config
from streamer.settings.server import ServerSettings
from streamer.settings.settings import Settings
from streamer.turn_embedding.analyzer import Analyzer
from tests.streamer.server.raw import ask, plain, rude
from tests.streamer.server.serving import serving, stream
from tests.streamer.server.test_auth import make_certificate

LARGE = Path(server.__file__).parent / "page" / "assets"


@pytest.mark.slow
async def test_those_that_never_finish_a_request_give_way(analyzer: Analyzer, settings: Settings) -> None:
    async with serving(analyzer, settings, max_connections=8) as (url, _):
        half = [await stack_open(url, b"GET / HTTP/1.1\r\nX: ") for _ in range(100)]
        assert await asyncio.to_thread(ask, url) < 5
        gone = 0
        for reader, _ in half:
            try:
                async with asyncio.timeout(1):
                    gone += await reader.read() == b""
            except TimeoutError:
                continue
            except ConnectionError:
                gone += 1
        assert gone >= 92
        close(half)


async def test_thousands_that_only_come_and_stay_are_let_and_cost_nothing(
    analyzer: Analyzer, settings: Settings
) -> None:
    open_file_limit.raise_limit()
    before = psutil.Process().memory_info().rss
    async with serving(analyzer, settings) as (url, _):
        half = [await stack_open(url, b"GET / HTTP/1.1\r\nX: ") for _ in range(1500)]
        assert await asyncio.to_thread(ask, url) < 5
        assert not any(reader.at_eof() for reader, _ in half)
        assert psutil.Process().memory_info().rss - before < 100 * 2**20, "both ends of 1,500 connections"
        for _, writer in half[::100]:
            writer.write(b"y\r\nHost: x\r\nConnection: close\r\n\r\n")
        for reader, _ in half[::100]:
            assert (await reader.read()).startswith(b"HTTP/1.1 200 OK")
        close(half)


@pytest.mark.parametrize(
    ("pieces", "answer"),
    [
        ([b"G", b"ET /livez HTTP/1.1\r", b"\nHost: x\r\nConnection: close\r\n\r", b"\n"], b"200 OK"),
        ([b"GET /livez HTTP/1.1\nHost: x\n", b"Connection: close\n\n"], b"200 OK"),
        ([b"\x16\x03\x01\x02\x00\x01"], b"400 Bad Request"),
        ([b"\x16"], b"400 Bad Request"),
        ([b"GET /livez HTTP/1.1\r\nX: " + 20_000 * b"x"], b"400 Bad Request"),
        ([b"no request\r\n\r\n"], b"400 Bad Request"),
    ],
)
async def test_the_first_request_however_it_comes(
    analyzer: Analyzer, settings: Settings, pieces: list[bytes], answer: bytes
) -> None:
    async with serving(analyzer, settings) as (url, _), plain(url) as client:
        for piece in pieces:
            await client.say(piece)
            await asyncio.sleep(0.05)
        async with asyncio.timeout(5):
            assert answer in (await client.reader.readuntil(b"\r\n\r\n")).splitlines()[0]


async def test_whoever_says_no_more_is_answered(analyzer: Analyzer, settings: Settings) -> None:
    async with serving(analyzer, settings) as (url, _):
        for _ in range(50):
            async with plain(url, b"GET /livez HTTP/1.0\r\n\r\n") as client, asyncio.timeout(5):
                client.writer.write_eof()
                assert (await client.reader.read()).startswith(b"HTTP/1.1 200 OK")


@pytest.mark.slow
async def test_a_request_takes_no_longer_than_allowed(analyzer: Analyzer, settings: Settings) -> None:
    """One byte after the other keeps nothing alive."""
    async with serving(analyzer, settings, request_timeout_s=1) as (url, _):
        began = monotonic()
        async with plain(url, b"GET / HTTP/1.1\r\n") as slow:

            async def drip() -> None:
                while True:
                    slow.writer.write(b"X")
                    await asyncio.sleep(0.1)

            dripping = asyncio.create_task(drip())
            with_end = await ended(slow.reader)
            dripping.cancel()
        assert with_end
        assert 0.9 < monotonic() - began < 10


@pytest.mark.slow
async def test_an_idle_connection_is_closed_and_a_kept_one_used(
    analyzer: Analyzer, settings: Settings
) -> None:
    async with (
        serving(analyzer, settings, request_timeout_s=1) as (url, _),
        plain(url, 2 * b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n") as kept,
    ):
        for _ in range(2):
            assert b"200 OK" in await kept.reader.readuntil(b"\r\n\r\n")
            await kept.reader.readuntil(b"}")
        assert await ended(kept.reader)


@pytest.mark.slow
async def test_a_handshake_of_tls_that_goes_on_and_on(
    analyzer: Analyzer, settings: Settings, tmp_path: Path
) -> None:
    cert, key = make_certificate(tmp_path)
    context = ssl.create_default_context(cafile=str(cert))
    async with serving(
        analyzer, settings, tls_cert=cert, tls_key=key, request_timeout_s=1, max_connections=4
    ) as (url, _):
        held = [await stack_open(url, b"\x16\x03\x01") for _ in range(20)]
        port = int(url.split(":")[2].split("/")[0])
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        writer.write(b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        assert b"200 OK" in await reader.read()
        writer.transport.abort()
        assert await ended(held[-1][0]), "by its time"
        close(held)


async def test_a_large_head_and_a_body_are_not_taken(analyzer: Analyzer, settings: Settings) -> None:
    async with serving(analyzer, settings) as (url, _):
        async with plain(url, b"GET / HTTP/1.1\r\n" + b"a:\r\n" * 100_000) as large:
            answer = await large.reader.read(1000)
            assert answer.startswith(b"HTTP/1.1 4")
        many = b"GET /v1/watch HTTP/1.1\r\nUpgrade: websocket\r\nConnection: upgrade\r\n" + b"a:b\r\n" * 1000
        async with plain(url, many + b"\r\n") as headers:
            assert (await headers.reader.read(1000)).startswith(b"HTTP/1.1 4")
            assert await ended(headers.reader)
        body = b"POST /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000000\r\n\r\n"
        async with plain(url, body) as long:
            assert b"405" in await long.reader.readuntil(b"\r\n\r\n")
            assert await ended(long.reader)


async def test_a_body_that_is_none_is_answered_once_and_logged_as_no_fault(
    analyzer: Analyzer, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    chunked = b"POST /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with serving(analyzer, settings) as (url, _):
        for body in (b"zz\r\n", b"5\r\nhello\r\nfffffffffffffffffffffffff\r\n", b"1\r\nxyz"):
            async with plain(url, chunked + body) as client:
                assert (await client.reader.read()).startswith(b"HTTP/1.1 405 ")
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@pytest.mark.parametrize(
    "version", ["x", "1.x", "9.9", "-1", "", "1.0.0;escaping=x", "2.0.0;escaping=values"]
)
async def test_metrics_whatever_is_accepted(analyzer: Analyzer, settings: Settings, version: str) -> None:
    for kind in ("application/openmetrics-text", "text/plain"):
        asked = f"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: {kind};version={version}\r\n\r\n"
        async with serving(analyzer, settings) as (url, _), plain(url, asked.encode()) as client:
            assert (await client.reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200 ")


@pytest.mark.slow
async def test_a_slow_reader_of_an_answer_is_left(analyzer: Analyzer, settings: Settings) -> None:
    """Its answer waits once, however often it asks."""
    largest = max(LARGE.iterdir(), key=lambda path: path.stat().st_size)
    asked = f"GET /assets/{largest.name} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    async with (
        serving(analyzer, settings, answer_timeout_s=1, send_buffer=4096) as (url, _),
        plain(url, 20 * asked, buffer=4096) as slow,
    ):
        slow.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(3)
        slow.writer.transport.resume_reading()  # type: ignore[attr-defined]
        assert await ended(slow.reader)


@pytest.mark.slow
async def test_many_requests_on_one_connection_are_paced(analyzer: Analyzer, settings: Settings) -> None:
    count = 80
    async with serving(analyzer, settings) as (url, _):
        began = monotonic()
        async with plain(url, count * b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n") as many:
            for _ in range(count):
                await many.reader.readuntil(b"}")
        assert monotonic() - began > 1


async def test_websockets_that_nobody_has_a_place_for(analyzer: Analyzer, settings: Settings) -> None:
    async with (
        serving(analyzer, settings, max_streams=1, max_onlookers=0, open_timeout_s=30) as (url, _),
        rude(f"{url}one"),
    ):
        async with rude(f"{url}two") as refused:
            assert await refused.close_code() == 4429
        assert await asyncio.to_thread(ask, url) < 5


@pytest.mark.system
def test_out_of_files_is_said_and_livez_answers(bundle: Path, tmp_path: Path) -> None:
    """300 connections, where 128 files may be open."""
    program = "import resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128)); "
    program += "from streamer.cli.app import main; sys.argv[0] = 'merits'; main()"
    log = tmp_path / "log"
    with log.open("w") as errors:
        command = [sys.executable, "-c", program, "serve", "--port", "0", "--asr", "none", "--bundle"]
        server = subprocess.Popen([*command, str(bundle)], stderr=errors)
    try:
        asyncio.run(_crowd(listening(log)))
    finally:
        server.kill()
        server.wait()
    lines = log.read_text().splitlines()
    assert any("too few files" in line for line in lines)
    assert len(lines) < 10


def listening(log: Path) -> str:
    """The URL that a server says it listens on, once it does."""
    until = monotonic() + 180
    while "listening on" not in (told := log.read_text()):
        assert monotonic() < until, told
        time.sleep(0.1)
    return told.split("listening on ")[1].split("NAME")[0]


async def _crowd(url: str) -> None:
    crowd = [await stack_open(url, b"GET / HTTP/1.1\r\nX: ") for _ in range(300)]
    for _ in range(5):
        assert await asyncio.to_thread(ask, url) < 10
    close(crowd)


def test_what_may_be_open_bounds_the_streams() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
        few = open_file_limit.room_for_streams(112, file=True, broker=True)
        more = open_file_limit.room_for_streams(112, file=False, broker=False)
        assert few is not None
        assert more is not None
        assert 1 <= few < more < 512 // 3
        open_file_limit.raise_limit()
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == min(hard, 65_536)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_a_flood_of_one_kind_is_few_lines(
    analyzer: Analyzer, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with serving(analyzer, settings) as (url, _):
        for _ in range(50):
            async with rude(f"{url}x") as bad:
                await bad.say(b"\xff\xff\xff\xff\xff\xff\xff\xff")
                assert await bad.close_code() in (1002, None)
        assert (await stream(f"{url}x", b"")).close_code == 1000
    gc.collect()
    assert len([record for record in caplog.records if record.levelno >= logging.WARNING]) < 10


async def stack_open(url: str, send: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    port = int(url.split(":")[2].split("/")[0])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(send)
    return reader, writer


def close(connections: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]) -> None:
    for _, writer in connections:
        writer.transport.abort()


async def ended(reader: asyncio.StreamReader) -> bool:
    """Whether the server closes it within some seconds."""
    try:
        async with asyncio.timeout(15):
            while await reader.read(2**16):
                pass
    except TimeoutError:
        return False
    except ConnectionError:
        pass
    return True


async def test_a_connection_that_comes_as_the_server_stops_is_closed() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    limits = ServerSettings(port=0)
    bounded = BoundedServer(make_config(Starlette(), limits), limits)
    with socket.create_connection(listener.getsockname()) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        running = asyncio.create_task(bounded.serve(sockets=[listener]))
        while not len(bounded.known):
            await asyncio.sleep(0)
        bounded.refuse([listener])
        client.setblocking(False)
        async with asyncio.timeout(5):
            assert await asyncio.get_running_loop().sock_recv(client, 1) == b""
    assert len(bounded.known) == 0
    bounded.should_exit = True
    await running
