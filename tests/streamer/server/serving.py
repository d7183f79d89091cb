"""A real server on a loopback socket, and what tests ask of it."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from streamer.outputs.mqtt.address import BrokerAddress
from streamer.server.listener import Listener
from streamer.server.run import make_server
from streamer.server.streams import Streams
from streamer.settings.server import ServerSettings
from streamer.settings.settings import Settings
from streamer.turn_embedding.analyzer import Analyzer

Event = dict[str, Any]


@dataclass
class Told:
    """What a client was told, and how it ended."""

    messages: list[Event] = field(default_factory=list)
    close_code: int | None = None

    def of(self, kind: str) -> list[Event]:
        return [message for message in self.messages if message["type"] == kind]

    @property
    def error(self) -> str | None:
        errors = self.of("error")
        return errors[0]["code"] if errors else None


@asynccontextmanager
async def serving(
    analyzer: Analyzer,
    settings: Settings,
    *,
    events: Path | None = None,
    broker: BrokerAddress | None = None,
    send_buffer: int | None = None,
    **limits: Any,
) -> AsyncIterator[tuple[str, Streams]]:
    """Run a server; yields the URL that streams' names are appended to, and its streams."""
    limits = {"port": 0, **limits}
    settings = settings.model_copy(update={"server": ServerSettings(**limits)})
    streams = Streams(analyzer, settings, events=str(events) if events else None, broker=broker)
    listener = Listener(settings.server)
    if send_buffer is not None:
        listener.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
    server = make_server(streams, listener)
    async with streams:
        running = asyncio.create_task(server.serve(sockets=[listener.socket]))
        while not server.started:
            await asyncio.sleep(0.01)
        try:
            yield listener.url, streams
        finally:
            server.should_exit = True
            await running


async def all_ended(streams: Streams) -> None:
    while list(streams):
        await asyncio.sleep(0.01)


def events_of(folder: Path, name: str) -> list[Event]:
    """What was written of the only session of a stream."""
    [path] = folder.glob(f"{name}-*.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()]


def start(**fields: Any) -> str:
    return json.dumps({"type": "start", "live": False, **fields})


END = json.dumps({"type": "end"})


async def send(websocket: ClientConnection, sound: bytes, chunk: int = 3_201, end: bool = True) -> None:
    for at in range(0, len(sound), chunk):
        await websocket.send(sound[at : at + chunk])
    if end:
        await websocket.send(END)


async def read(websocket: ClientConnection) -> Told:
    """All messages until the connection closes."""
    told = Told()
    try:
        while True:
            told.messages.append(json.loads(await websocket.recv()))
    except ConnectionClosed:
        told.close_code = websocket.close_code
    return told


async def stream(url: str, sound: bytes, *, chunk: int = 3_201, **fields: Any) -> Told:
    """Send all of a sound and read all that is told of it."""

    async def tell(websocket: ClientConnection) -> None:
        with suppress(ConnectionClosed):  # refused, it may be cut off
            await websocket.send(start(**fields))
            await send(websocket, sound, chunk)

    async with connect(url) as websocket, asyncio.TaskGroup() as tasks:
        tasks.create_task(tell(websocket))
        return await read(websocket)


async def until(websocket: ClientConnection, kind: str) -> Event:
    """The next message of a type."""
    while True:
        message: Event = json.loads(await websocket.recv())
        if message["type"] == kind:
            return message
