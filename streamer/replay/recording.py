"""Reads a file of events as it comes, whatever stands in it."""

import asyncio
import os
import stat
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import CancelledError
from pathlib import Path

from streamer.errors import InputError
from streamer.event_lines import LONGEST, Line, check_ends, event_lines, is_utf8
from streamer.events import Event, parse_event

STDIN = "-"
_BLOCK = 1 << 16
_READ_AHEAD = 16
_LOOK_AHEAD = 200


class Recording:
    """Events of a file, of a pipe, or of standard input ("-"), in the order in which they stand there.

    Lines that are no events are passed over and counted: the last one of a session that was killed, or those
    of a newer version. A thread of its own reads, which is left alone where it waits for a pipe.

    Args:
        source: a path, or "-".

    Attributes:
        name: of the source.
        unread: how many lines were passed over.
        look_ahead: how many events it pays to read ahead of one: none of a pipe, which may be live.
        first_unread: number of the first of them, and what is wrong with it; None where there is none.
    """

    def __init__(self, source: str) -> None:
        self.name = "standard input" if source == STDIN else source
        self.unread = 0
        self.first_unread: tuple[int, str] | None = None
        self._source = source
        self.look_ahead = _LOOK_AHEAD if source != STDIN and Path(source).is_file() else 0

    def check(self) -> None:
        """See whether it can be read.

        Raises:
            InputError: it cannot.
        """
        if self._source == STDIN:
            return
        path = Path(self._source)
        try:
            kind = path.stat().st_mode
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror}") from error
        if stat.S_ISDIR(kind):
            raise InputError(f"{path} is a folder: name the files of events in it")
        if not os.access(path, os.R_OK):
            raise InputError(f"cannot read {path}: permission denied")

    def __iter__(self) -> Iterator[Event]:
        """Read in this thread.

        Raises:
            InputError: there is no event in it, or it cannot be read.
        """
        for batch in self._batches():
            yield from batch

    async def __aiter__(self) -> AsyncIterator[Event]:
        """Read without holding up the event loop.

        Raises:
            InputError: there is no event in it, or it cannot be read.
        """
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[list[Event] | InputError | None] = asyncio.Queue(_READ_AHEAD)

        def put(item: list[Event] | InputError | None) -> None:
            putting = queue.put(item)
            try:
                asyncio.run_coroutine_threadsafe(putting, loop).result()
            finally:
                putting.close()  # it may never have begun

        def read() -> None:
            try:
                try:
                    for batch in self._batches():
                        put(batch)
                    put(None)
                except InputError as error:
                    put(error)
            except (RuntimeError, CancelledError):
                return  # the loop has gone: nobody wants the rest

        threading.Thread(target=read, name="recording", daemon=True).start()
        while (item := await queue.get()) is not None:
            if isinstance(item, InputError):
                raise item
            for event in item:
                yield event

    def _batches(self) -> Iterator[list[Event]]:
        found = 0
        for lines in event_lines(self._blocks(), self.name):
            events = [event for line in lines if (event := self._parse(line)) is not None]
            found += len(events)
            if events:
                yield events
        if not found:
            hint = "" if self._source == STDIN else "; give a file that was written by --events"
            raise InputError(f"{self.name} holds no events{hint}")

    def _parse(self, line: Line) -> Event | None:
        try:
            if line.content is None:
                raise ValueError(f"longer than {LONGEST >> 20} MB")
            return parse_event(line.content)
        except ValueError as error:
            self.unread += 1
            self.first_unread = self.first_unread or (line.number, _reason(error, line.content))
            return None

    def _blocks(self) -> Iterator[bytes]:
        """Unbuffered: what a pipe gives is there at once, and no lock is held when the program ends."""
        try:
            with open(
                0 if self._source == STDIN else self._source, "rb", buffering=0, closefd=self._source != STDIN
            ) as file:
                check_ends(file, self.name)
                while data := file.read(_BLOCK):
                    yield data
        except OSError as error:
            raise InputError(f"cannot read {self.name}: {error.strerror}") from error


def _reason(error: ValueError, content: bytes | None) -> str:
    if content is not None and not is_utf8(content):
        return "not UTF-8"
    details = getattr(error, "errors", None)
    return str(details()[0]["msg"]) if details is not None else str(error)
