"""Watchers of all streams: each receives the recent history first, then every event."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from itertools import chain
from typing import TYPE_CHECKING

from streamer.audio.frame import AudioFrame
from streamer.errors import InputError, RunError
from streamer.events import Event, SessionStarted, TurnPartial
from streamer.outputs.mood import EVEN_WITHIN, SIDES
from streamer.outputs.palette import looks
from streamer.server.client_events import ClientEvents, Wire
from streamer.server.messages import Problem, Refused
from streamer.server.watchers.history import History
from streamer.server.watchers.level import Level
from streamer.settings.settings import Settings
from streamer.tasks import keep_going
from streamer.turn_embedding.analyzer import Analyzer
from streamer.version import VERSION

if TYPE_CHECKING:
    from streamer.outputs.terminal.view import TerminalView

_LEVELS_EVERY_S = 0.2


class Watchers:
    """Keeps the recent history of all streams, and sends events and levels to every watcher."""

    def __init__(self, analyzer: Analyzer, settings: Settings) -> None:
        self._analyzer = analyzer
        self._settings = settings
        self._histories: dict[str, History] = {}
        self._levels: dict[str, Level] = {}
        self._watching: set[ClientEvents] = set()
        self.views: list[TerminalView] = []
        """Views within this process, which receive every event and frame."""
        self._metering: asyncio.Task[None] | None = None
        self._nobody = asyncio.Event()
        self._nobody.set()
        self.closing = asyncio.Event()
        """Set when the server has sent all events: every watcher is disconnected."""

    def tell(self, event: Event) -> None:
        """Process an event of any stream."""
        line = event.model_dump_json()
        if isinstance(event, SessionStarted):  # replaces an earlier session of the same name
            self._histories.pop(event.stream, None)
            self._histories[event.stream] = History(
                event.stream, self._settings.server.kept_turns, self._settings.server.kept_bytes
            )
        history = self._histories[event.stream]
        history.add(event, line)
        if history.ended:
            self._levels.pop(event.stream, None)
            self._histories[event.stream] = self._histories.pop(event.stream)  # the last to end stays longest
            self._forget()
        for each in self._watching:
            each.put(line, partial=isinstance(event, TurnPartial))
        for view in self.views:
            view.tell(event)

    def hear(self, stream: str, frame: AudioFrame) -> None:
        """Measure the level of a stream; costs nothing without watchers."""
        for view in self.views:
            view.hear(frame, stream)
        if self._watching:
            self._levels.setdefault(stream, Level()).hear(frame)

    @asynccontextmanager
    async def join(self, wire: Wire) -> AsyncIterator[ClientEvents]:
        """Send everything to a watcher, until the context is left; once the models are there.

        Raises:
            Refused: there are too many watchers, or the models cannot be loaded.
        """
        try:
            await self._analyzer.ready()
        except (InputError, RunError) as error:
            raise Refused(Problem.SHUTTING_DOWN, "the server is stopping") from error
        limits = self._settings.server
        if len(self._watching) >= limits.max_onlookers:
            raise Refused(Problem.TOO_MANY_ONLOOKERS, f"{limits.max_onlookers} watch already; try later")
        async with ClientEvents(
            wire, limits.pending_events, limits.pending_bytes, first=self._so_far()
        ) as events:
            self._watching.add(events)
            self._nobody.clear()
            if self._metering is None:
                self._metering = keep_going(self._meter(), "levels")
            try:
                yield events
            finally:
                self._watching.remove(events)
                if not self._watching:
                    self._nobody.set()
                    self._metering.cancel()
                    self._metering = None
                    self._levels.clear()

    async def close(self) -> None:
        """Disconnect all watchers, and wait until they have gone."""
        self.closing.set()
        await self._nobody.wait()

    def _so_far(self) -> Iterator[str]:
        """The first messages to a new watcher: a snapshot, however slowly it is read."""
        started = {
            "type": "watch.started",
            "version": VERSION,
            "words": self._settings.text,
            "looks": {
                label: {name: getattr(look, name) for name in ("symbol", "colour", "on_light", "on_dark")}
                for label, look in looks(self._analyzer.bundle.labels).items()
            },
            "moods": {"even_within": EVEN_WITHIN, "sides": SIDES},
        }
        histories: Iterable[Iterator[str]] = [each.messages() for each in self._histories.values()]
        ready = json.dumps({"type": "watch.ready"})
        return chain([json.dumps(started)], *histories, [ready])

    def _forget(self) -> None:
        ended = [name for name, each in self._histories.items() if each.ended]
        for name in ended[: max(len(ended) - self._settings.server.kept_sessions, 0)]:
            del self._histories[name]

    async def _meter(self) -> None:
        while True:
            await asyncio.sleep(_LEVELS_EVERY_S)
            taken = {stream: level.take() for stream, level in self._levels.items()}
            heard = {stream: dbfs for stream, dbfs in taken.items() if dbfs is not None}
            if heard:
                message = json.dumps({"type": "levels", "dbfs": heard})
                for each in self._watching:
                    if each.idle:
                        each.put(message, partial=True)
