"""One client's connection, from its start message to the last event."""

import asyncio
import logging
import re
from contextlib import suppress
from functools import partial

from starlette.websockets import WebSocket, WebSocketDisconnect

from streamer.errors import InputError, RunError
from streamer.pipeline import Pipeline
from streamer.server.client_events import ClientEvents
from streamer.server.feeds import Feed, make_feed
from streamer.server.protocol import (
    GOING_AWAY,
    NAME_PATTERN,
    NORMAL,
    SUBPROTOCOL,
    End,
    ErrorMessage,
    Gap,
    Problem,
    Refused,
    Start,
    parse_control,
)
from streamer.server.source import StreamSource
from streamer.server.streams import Stream, Streams

_log = logging.getLogger("merits.server")

_LONGEST_REASON = 120
"""Bytes that fit into a close frame beside its code (RFC 6455, 5.5)."""


async def converse(websocket: WebSocket, streams: Streams) -> None:
    """Serve a client that the guard has let in, whatever it does; nothing is raised for what goes wrong."""
    offered = websocket.scope.get("subprotocols", [])
    try:
        await websocket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
        with streams.place():
            await _Connection(websocket, streams).run()
    except Refused as refused:
        await _leave(websocket, refused, streams.settings.server.close_timeout_s)


class _Connection:
    def __init__(self, websocket: WebSocket, streams: Streams) -> None:
        self._websocket = websocket
        self._streams = streams
        self._server = streams.settings.server

    async def run(self) -> None:
        name = self._websocket.path_params["name"]
        if not re.fullmatch(NAME_PATTERN, name):
            raise Refused(
                Problem.BAD_NAME,
                "a stream's name is 1 to 64 letters, digits, '.', '_' or '-', a letter or digit first",
            )
        start = await self._opening()
        async with self._streams.admit(name, takeover=start.takeover) as stream:
            await self._analyze(start, stream)

    async def _opening(self) -> Start:
        timeout_s = self._server.open_timeout_s
        message = await self._next(timeout_s, f"no start message came within {timeout_s:g} s")
        control = parse_control(message) if isinstance(message, str) else None
        if not isinstance(control, Start):
            raise Refused(Problem.BAD_MESSAGE, 'the first message is {"type": "start", ...}')
        return control

    async def _analyze(self, start: Start, stream: Stream) -> None:
        limits = self._server
        source = StreamSource(
            start.source,
            start.kept_channels,
            live=start.live,
            buffer_s=limits.buffer_s,
            max_speed=limits.max_speed,
        )
        async with (
            self._streams.outputs(stream.name) as outputs,
            ClientEvents(self._websocket, limits.pending_events) as events,
        ):
            pipeline = Pipeline(
                source,
                self._streams.analyzer,
                [events, *outputs, stream],
                self._streams.settings,
                stream=stream.name,
                speakers=start.who,
                live=start.live,
            )
            stream.on_stop(partial(source.interrupt, pipeline.stop))
            feed = make_feed(start, source)
            receiver = asyncio.create_task(self._receive(feed))
            try:
                problem = await self._run(pipeline, stream)
            finally:
                receiver.cancel()
                await asyncio.wait([receiver])
                source.end()
                await feed.close()
            if events.shed:
                _log.warning("%s: its client did not read; %d events were shed", stream.name, events.shed)
            stream.connected = False
            await _leave(self._websocket, problem, limits.close_timeout_s, events)

    async def _run(self, pipeline: Pipeline, stream: Stream) -> Refused | None:
        """Run the session to its end; returns what went wrong."""
        try:
            await pipeline.run()
        except Refused as refused:
            return refused
        except (InputError, RunError) as error:
            _log.warning("%s: %s", stream.name, error)
            return Refused(Problem.ANALYSIS_FAILED, str(error))
        except BrokenPipeError:
            self._streams.reader_gone.set()
            return Refused(Problem.SHUTTING_DOWN, "the server is stopping")
        except Exception:  # noqa: BLE001 - one stream's trouble must not become another's
            _log.exception("%s: unforeseen trouble", stream.name)
            return Refused(Problem.INTERNAL, "something unforeseen happened; the server's log says more")
        if stream.stopped is Problem.TAKEN_OVER:
            return Refused(Problem.TAKEN_OVER, "another client streams under this name now")
        if stream.stopped is not None:
            return Refused(stream.stopped, "the server is stopping")
        return None

    async def _receive(self, feed: Feed) -> None:
        """Give the feed what comes, until the client says that it ends, or breaks off."""
        why: Refused | None = None
        timeout_s = self._server.idle_timeout_s
        try:
            while True:
                message = await self._next(timeout_s, f"nothing came for {timeout_s:g} s")
                if message is None:
                    break
                if isinstance(message, bytes):
                    await feed.feed(message)
                    continue
                match parse_control(message):
                    case Gap() as gap:
                        await feed.gap(gap)
                    case End():
                        break
                    case Start():
                        raise Refused(Problem.BAD_MESSAGE, "the stream has begun: start comes once")
        except Refused as refused:
            why = refused
        except Exception:  # noqa: BLE001 - without an end the session would wait for ever
            _log.exception("unforeseen trouble with what a client sends")
            why = Refused(Problem.INTERNAL, "something unforeseen happened; the server's log says more")
        await feed.finish(why)

    async def _next(self, timeout_s: float, late: str) -> str | bytes | None:
        """The next message; None when the client has closed as it should.

        Raises:
            Refused: none came in time, or the client has gone.
        """
        try:
            async with asyncio.timeout(timeout_s):
                message = await self._websocket.receive()
        except TimeoutError:
            raise Refused(Problem.TIMEOUT, late) from None
        if message["type"] == "websocket.disconnect":
            if message["code"] in (NORMAL, GOING_AWAY):
                return None
            raise Refused(Problem.DISCONNECTED, f"the client disconnected (close code {message['code']})")
        text: str | None = message.get("text")
        return message["bytes"] if text is None else text


async def _leave(
    websocket: WebSocket, problem: Refused | None, timeout_s: float, events: ClientEvents | None = None
) -> None:
    """Send what is left and close, as far as the client takes it in time."""
    with suppress(TimeoutError, WebSocketDisconnect, RuntimeError):  # it may have gone at any moment
        async with asyncio.timeout(timeout_s):
            if events is not None:
                await events.finish()
            if problem is None:
                await websocket.close(NORMAL)
            elif problem.problem is not Problem.DISCONNECTED:
                message = ErrorMessage(code=problem.problem.code, message=str(problem))
                await websocket.send_text(message.model_dump_json())
                reason = str(problem).encode()[:_LONGEST_REASON].decode(errors="ignore")
                await websocket.close(problem.problem.close_code, reason)
