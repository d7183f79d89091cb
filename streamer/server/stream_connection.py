"""One client's connection, from its start message to the last event."""

import asyncio
import logging
import re
from functools import partial

from starlette.websockets import WebSocket

from streamer.errors import InputError, RunError
from streamer.server.audio_decoders import AudioDecoder, make_decoder
from streamer.server.client_events import ClientEvents
from streamer.server.client_source import StreamSource
from streamer.server.closing import close_connection
from streamer.server.messages import (
    NAME_PATTERN,
    End,
    Gap,
    Problem,
    Refused,
    Start,
    StreamResumed,
    accepted_subprotocol,
    parse_control,
)
from streamer.server.resumable_client import ResumableClient
from streamer.server.streams import Stream, Streams
from streamer.server.transport.token_bucket import TokenBucket
from streamer.session.pipeline import Pipeline
from streamer.transcribers.base import UnknownLanguage

_CONTROLS_AT_ONCE = 200

_log = logging.getLogger("merits.server")


async def converse(websocket: WebSocket, streams: Streams) -> None:
    """Serve an admitted client until its session or connection ends; raises nothing."""
    try:
        await websocket.accept(accepted_subprotocol(websocket.scope))
    except OSError:
        return  # the client has gone already
    client = ResumableClient(websocket)
    try:
        with streams.place():
            client = await _Connection(websocket, streams).run()
        await client.left(websocket)  # another connection's session uses this websocket
    except Refused as refused:
        await close_connection(client, refused, streams.settings.server.close_timeout_s)


class _Connection:
    def __init__(self, websocket: WebSocket, streams: Streams) -> None:
        self._websocket = websocket
        self._streams = streams
        self._server = streams.settings.server

    async def run(self) -> ResumableClient:
        """Run a session to its end, or resume one; returns the session's client."""
        name = self._websocket.path_params["name"]
        if not re.fullmatch(NAME_PATTERN, name):
            raise Refused(
                Problem.BAD_NAME,
                "a stream's name is 1 to 64 letters, digits, '.', '_' or '-', a letter or digit first",
            )
        start = await self._opening()
        if (stream := self._streams.resumable(name, start)) is not None:
            _log.info("%s: its client is back", name)
            resumed = StreamResumed(stream=name, session=str(stream.session))
            await stream.client.pass_to(self._websocket, resumed, self._server.close_timeout_s)
            return stream.client
        client = ResumableClient(self._websocket, min(start.linger_s, self._server.max_linger_s))
        async with self._streams.admit(name, start, client) as stream:
            await self._analyze(start, stream)
        return client

    async def _opening(self) -> Start:
        timeout_s = self._server.open_timeout_s
        message = await ResumableClient(self._websocket).next(
            timeout_s, f"no start message came within {timeout_s:g} s"
        )
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
            ClientEvents(stream.client, limits.pending_events, limits.pending_bytes) as events,
        ):
            pipeline = Pipeline(
                source,
                self._streams.analyzer,
                [events, *outputs, stream],
                self._streams.settings.model_copy(update=start.settings),
                stream=stream.name,
                speakers=start.who,
                live=start.live,
                meter=partial(self._streams.watchers.hear, stream.name),
            )
            stream.on_stop(partial(source.interrupt, pipeline.stop))
            stream.mark = pipeline.mark
            decoder = make_decoder(start, source)
            receiver = asyncio.create_task(self._receive(decoder, stream.client))
            leaver = asyncio.create_task(_abandon(stream, source, decoder))
            try:
                problem = await self._run(pipeline, stream)
            finally:
                receiver.cancel()
                leaver.cancel()
                await asyncio.wait([receiver, leaver])
                source.end()
                await decoder.close()
            if events.shed:
                _log.warning("%s: its client did not read; %d events were shed", stream.name, events.shed)
            stream.connected = False
            if stream.client.away:
                stream.client.give_up()
            await close_connection(stream.client, problem, limits.close_timeout_s, events)
            stream.client.give_up()

    async def _run(self, pipeline: Pipeline, stream: Stream) -> Refused | None:
        """Run the session to its end; returns the error, if any."""
        try:
            await pipeline.run()
        except Refused as refused:
            return refused.with_traceback(None)  # the frames would keep the session in a reference cycle
        except UnknownLanguage as error:
            return Refused(Problem.BAD_MESSAGE, f"language: {error}")
        except (InputError, RunError) as error:
            if not self._streams.analyzer.is_ready:  # `serve` ends with this error
                return Refused(Problem.SHUTTING_DOWN, "the server is stopping")
            _log.warning("%s: %s", stream.name, error)
            return Refused(Problem.ANALYSIS_FAILED, str(error))
        except BrokenPipeError:
            self._streams.reader_gone.set()
            return Refused(Problem.SHUTTING_DOWN, "the server is stopping")
        except Exception:  # noqa: BLE001 - an error of one stream must not affect others
            _log.exception("%s: unforeseen trouble", stream.name)
            return Refused(Problem.INTERNAL, "something unforeseen happened; the server's log says more")
        if stream.stopped is Problem.TAKEN_OVER:
            return Refused(Problem.TAKEN_OVER, "another client streams under this name now")
        if stream.stopped is not None:
            return Refused(stream.stopped, "the server is stopping")
        return None

    async def _receive(self, decoder: AudioDecoder, client: ResumableClient) -> None:
        """Pass all messages to the decoder until the client ends the stream, or disconnects."""
        why: Refused | None = None
        timeout_s = self._server.idle_timeout_s
        controls = TokenBucket(self._server.max_controls_per_s, _CONTROLS_AT_ONCE)
        try:
            while True:
                message = await client.next(timeout_s, f"nothing came for {timeout_s:g} s")
                if message is None:
                    break
                if isinstance(message, bytes):
                    await decoder.decode(message)
                    continue
                if isinstance(message, str):
                    await controls.pay(1)
                match message if isinstance(message, Gap) else parse_control(message):
                    case Gap() as gap:
                        await decoder.gap(gap)
                    case End():
                        break
                    case Start():
                        raise Refused(Problem.BAD_MESSAGE, "the stream has begun: start comes once")
        except Refused as refused:
            why = refused
        except Exception:  # noqa: BLE001 - without an end the session would wait forever
            _log.exception("unforeseen trouble with what a client sends")
            why = Refused(Problem.INTERNAL, "something unforeseen happened; the server's log says more")
        await decoder.finish(why)


async def _abandon(stream: Stream, source: StreamSource, decoder: AudioDecoder) -> None:
    """Once the client has gone for good, end the source after the sound that is queued by then."""
    await stream.client.lost()
    stream.connected = False
    why = Refused(Problem.DISCONNECTED, "the client disconnected")
    source.abandon(why)
    await decoder.abandon(why)
