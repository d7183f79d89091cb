"""What strangers send to `merits serve`: control messages, whole connections, and bytes on its socket."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator, MutableMapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp

from fuzz.target import Run, Target
from streamer.server.application import create_app
from streamer.server.listener import Listener
from streamer.server.messages import parse_control
from streamer.server.run import make_server
from streamer.server.streams import Streams
from streamer.server.transport.websocket import GONE
from streamer.session.wiring import load_analyzer
from streamer.settings.server import ServerSettings
from streamer.settings.settings import Settings
from tests.tiny import make_bundle

_BETWEEN = b"\n\n"
"""Between messages: text where they begin with "{", else bytes."""

_ANOTHER = b"@"
"""A message of this alone opens a further connection, which what follows is for."""

_SESSION = b"SESSION"
"""Stands for the id of the session that was begun last."""

_WORDS = (
    '{"type": "start"', '{"type": "end"}', '{"type": "gap", "length_s": ', '"format": "container"',
    '"format": "pcm_s16le"', '"rate": ', '"channels": ', '"split": true', '"speakers": ["a"]',
    '"takeover": true', '"live": false', '"linger_s": ', '"resume": "SESSION"', '"source": ', "\n\n",
    "\n\n@\n\n", "null", "-1", "1e308", "384000", "4000", "604800", "\\ud800", "\\u0000", "NaN",
)  # fmt: skip

_REQUESTS = (
    "GET ", "HEAD ", " HTTP/1.1\r\n", "Host: ", "Origin: http://", "Content-Length: ", "\r\n", "%00",
    "/../", "Upgrade: websocket\r\n", "Sec-WebSocket-Protocol: merits.token.", "/v1/watch",
    "Expect: 100-continue\r\n", "Sec-WebSocket-Extensions: permessage-deflate",
    "\x81\x80", "\x82\xff", "\x88\x82",
)  # fmt: skip

_START = '{"type": "start", "live": false}'
_END = '{"type": "end"}'


def _messages(*messages: str | bytes) -> bytes:
    return _BETWEEN.join(each.encode() if isinstance(each, str) else each for each in messages)


def control_seeds() -> dict[str, bytes]:
    """One message of each kind."""
    start = {
        "type": "start",
        "format": "pcm_s16le",
        "rate": 48_000,
        "channels": 2,
        "split": True,
        "linger_s": 1.5,
    }
    return {
        "start": json.dumps({**start, "speakers": ["a", "b"], "takeover": True, "source": "x"}).encode(),
        "container": b'{"type": "start", "format": "container", "live": false}',
        "gap": b'{"type": "gap", "length_s": 1.25, "reason": "muted"}',
        "end": _END.encode(),
    }


def connection_seeds() -> dict[str, bytes]:
    """Connections as clients hold them."""
    sound = bytes(range(33, 97)) * 20
    container = '{"type": "start", "format": "container", "live": false}'
    lingering = '{"type": "start", "live": false, "linger_s": 1}'
    resuming = '{"type": "start", "live": false, "linger_s": 1, "resume": "SESSION"}'
    header = (
        b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\x01\0\x80>\0\0\0}\0\0\x02\0\x10\0data\xff\xff\xff\xff"
    )
    return {
        "plain": _messages(_START, sound, sound, _END),
        "gaps": _messages(_START, sound, '{"type": "gap", "length_s": 3}', sound, _END),
        "stereo": _messages(
            '{"type": "start", "rate": 8000, "channels": 2, "split": true}', sound[:999], _END
        ),
        "container": _messages(container, header + sound, sound, _END),
        "broken-off": _messages(_START, sound),
        "taken-over": _messages(_START, sound, _ANOTHER, '{"type": "start", "takeover": true}', sound, _END),
        "resumed": _messages(lingering, sound, _ANOTHER, resuming, sound, _END),
    }


def wire_seeds() -> dict[str, bytes]:
    """Requests as they come over a socket."""

    def frame(opcode: int, payload: bytes) -> bytes:
        assert len(payload) < 126
        return bytes([0x80 | opcode, 0x80 | len(payload), 0, 0, 0, 0]) + payload

    upgrade = (
        b"GET /v1/streams/x HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    watch = upgrade.replace(b"streams/x", b"watch").replace(
        b"localhost", b"localhost\r\nOrigin: http://localhost"
    )
    closing = frame(8, b"\x03\xe8")
    return {
        "stream": upgrade
        + frame(1, _START.encode())
        + frame(2, bytes(100))
        + frame(1, _END.encode())
        + closing,
        "ping": upgrade + frame(9, b"x") + frame(10, b"") + closing,
        "watch": watch + closing,
        "page": b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        "metrics": b"GET /metrics HTTP/1.0\r\nHost: [::1]:1\r\nAuthorization: Bearer x\r\n\r\n",
        "body": b"POST /v1/streams HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"1\r\nx\r\n0\r\n\r\n",
    }


@contextmanager
def start_control(_: Path) -> Iterator[Run]:
    """Read one text message of a client."""
    yield lambda data: _read(data.decode("utf-8", "replace"))


def _read(text: str) -> None:
    parse_control(text)


@contextmanager
def start_connections(folder: Path) -> Iterator[Run]:
    """Hold connections with the application, one after the other or one beside the other."""
    with asyncio.Runner() as runner, ExitStack() as stack:
        streams = _streams(folder)
        runner.run(streams.__aenter__())
        stack.callback(lambda: runner.run(streams.__aexit__(None, None, None)))
        application = create_app(streams)
        yield lambda data: runner.run(_hold(application, streams, data))


async def _hold(application: ASGIApp, streams: Streams, data: bytes) -> None:
    clients: list[tuple[_Client, asyncio.Task[None]]] = []
    session = b"none"
    for message in [_ANOTHER, *data.split(_BETWEEN)]:
        if message == _ANOTHER and len(clients) < 3:
            client = _Client()
            clients.append((client, asyncio.create_task(_serve(application, client))))
        client, _ = clients[-1]
        session = client.session or session
        if message != _ANOTHER:
            await client.say(message.replace(_SESSION, session))
    for client, _ in clients:
        client.leave(1000 if len(data) % 2 else 1006)
    await asyncio.gather(*(serving for _, serving in clients))
    assert not list(streams), "a stream is left behind"


async def _serve(application: ASGIApp, client: "_Client") -> None:
    await application(_scope(), client.receive, client.send)


class _Client:
    """The far end of an ASGI websocket; what is sent to it is read at once."""

    def __init__(self) -> None:
        self.session = b""
        self._waiting: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
        self._waiting.put_nowait({"type": "websocket.connect"})
        self._left = False

    async def say(self, message: bytes) -> None:
        what = {"text": message.decode("utf-8", "replace")} if message[:1] == b"{" else {"bytes": message}
        self._waiting.put_nowait({"type": "websocket.receive", "bytes": None, **what})
        for _ in range(4):
            await asyncio.sleep(0)

    def leave(self, code: int) -> None:
        self._left = True
        self._waiting.put_nowait({"type": "websocket.disconnect", "code": code})

    async def receive(self) -> MutableMapping[str, Any]:
        return await self._waiting.get()

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "websocket.close":
            self.leave(message["code"])
        elif self._left:
            raise OSError  # as uvicorn does
        elif message["type"] == "websocket.send" and '"session.started"' in message["text"]:
            self.session = json.loads(message["text"])["session"].encode()


def _scope() -> dict[str, Any]:
    return {
        "type": "websocket",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "ws",
        "path": "/v1/streams/x",
        "raw_path": b"/v1/streams/x",
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
        "subprotocols": [],
        GONE: asyncio.Event(),
    }


@contextmanager
def start_wire(folder: Path) -> Iterator[Run]:
    """Send bytes to a real server, and read until it hangs up; it must still answer others."""
    listener = Listener(ServerSettings(port=0))
    streams = _streams(folder)
    server = make_server(streams, listener)
    address = listener.socket.getsockname()[:2]

    async def serve() -> None:
        async with streams:
            await server.serve(sockets=[listener.socket])

    serving = threading.Thread(target=asyncio.run, args=(serve(),), name="server")
    serving.start()

    def run(data: bytes) -> None:
        _exchange(address, data)
        if len(data) % 16 == 0 and b"200 OK" not in _exchange(address, b"GET /livez HTTP/1.0\r\n\r\n"):
            raise AssertionError("the server no longer answers")

    try:
        yield run
    finally:
        server.should_exit = True
        serving.join()


def _exchange(address: tuple[str, int], data: bytes) -> bytes:
    said = b""
    with socket.create_connection(address, timeout=8) as client, suppress(ConnectionError):
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        while more := client.recv(65_536):
            said = (said + more)[:65_536]
    return said


def _streams(folder: Path) -> Streams:
    settings = Settings(bundle=str(make_bundle(folder)), asr="none").model_copy(
        update={"server": ServerSettings(port=0, max_speed=1000, max_linger_s=0.02, close_timeout_s=0.1)}
    )
    return Streams(load_analyzer(settings), settings)


CONTROL = Target("control", "control", start_control, control_seeds, share=35, words=_WORDS, longest=1024)
CONNECTIONS = Target(
    "connections", "connections", start_connections, connection_seeds, share=3, words=_WORDS, longest=6000
)
WIRE = Target("wire", "wire", start_wire, wire_seeds, share=3, words=_REQUESTS, longest=2048)
