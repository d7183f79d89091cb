"""The reader of events files, for replay and reports: streaming, and tolerant of invalid lines."""

import asyncio
import os
import stat
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import CancelledError
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import from_json

from streamer.errors import InputError
from streamer.events import Event, read_event
from streamer.replay.event_lines import LONGEST, Line, check_ends, event_lines, is_utf8

STDIN = "-"
_BLOCK = 1 << 16
_READ_AHEAD = 16
_LOOK_AHEAD = 200


class Recording:
    """The events of a file, a pipe, or standard input ("-"), in the order of the file.

    Unknown fields are dropped. Invalid lines are skipped and counted, such as the last line of a killed
    session, or lines of a newer version. Async iteration reads in a separate thread, which is abandoned if it
    waits for a pipe.

    Attributes:
        name: name of the source.
        unread: number of skipped lines.
        first_unread: number of the first skipped line, and its fault, worded to follow "line 3"; None if no
            line was skipped.
        look_ahead: number of events to read ahead: 0 for a pipe, which may be live.
    """

    def __init__(self, source: str | Path) -> None:
        self.name = "standard input" if source == STDIN else str(source)
        self.unread = 0
        self.first_unread: tuple[int, str] | None = None
        self._broken = 0
        self._source = source
        self.look_ahead = _LOOK_AHEAD if source != STDIN and Path(source).is_file() else 0

    @property
    def passed_over(self) -> str | None:
        """A message about the lines skipped so far, or None."""
        if self.first_unread is None:
            return None
        lines = "1 line" if self.unread == 1 else f"{self.unread} lines"
        return f"{self.name}: passed over {lines} ({self._first()})"

    def check(self) -> None:
        """Check that the source can be read.

        Raises:
            InputError: it cannot.
        """
        if self._source == STDIN:
            return
        path = Path(self._source)
        try:
            kind = path.stat().st_mode
        except OSError as error:
            raise InputError(
                f"cannot read {path}: {error.strerror}; give a file that was written by --events"
            ) from error
        if stat.S_ISDIR(kind):
            raise InputError(f"{path} is a folder: name an events file in it")
        if not os.access(path, os.R_OK):
            raise InputError(f"cannot read {path}: permission denied")

    def __iter__(self) -> Iterator[Event]:
        """Read in this thread.

        Raises:
            InputError: it contains no event, or cannot be read.
        """
        for batch in self._batches():
            yield from batch

    async def __aiter__(self) -> AsyncIterator[Event]:
        """Read without blocking the event loop."""
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[list[Event] | InputError | None] = asyncio.Queue(_READ_AHEAD)

        def put(item: list[Event] | InputError | None) -> None:
            putting = queue.put(item)
            try:
                asyncio.run_coroutine_threadsafe(putting, loop).result()
            finally:
                putting.close()  # it may not have begun

        def read() -> None:
            try:
                try:
                    for batch in self._batches():
                        put(batch)
                    put(None)
                except InputError as error:
                    put(error)
            except (RuntimeError, CancelledError):
                return  # the loop has ended: the rest is not needed

        threading.Thread(target=read, name="recording", daemon=True).start()
        while (item := await queue.get()) is not None:
            if isinstance(item, InputError):
                raise item
            for event in item:
                yield event

    def _batches(self) -> Iterator[list[Event]]:
        found, last = False, 0
        for lines in event_lines(self._blocks(), self.name):
            if events := [event for line in lines if (event := self._parse(line)) is not None]:
                found = True
                yield events
            last = lines[-1].number if lines else last
        if self.first_unread is not None and self.first_unread[0] == self._broken == last:
            self.first_unread = last, ", the last, is cut short"
        if not found:
            hint = "" if self.first_unread is None else f" ({self._first()})"
            raise InputError(f"{self.name} holds no events; give a file that was written by --events{hint}")

    def _parse(self, line: Line) -> Event | None:
        try:
            if line.content is None:
                raise ValueError
            return read_event(from_json(line.content, allow_inf_nan=False), line.number)
        except ValueError as error:
            self.unread += 1
            self.first_unread = self.first_unread or (line.number, _reason(error, line.content))
            if not isinstance(error, ValidationError) and (line.content or b"").startswith(b"{"):
                self._broken = line.number  # truncated, if no other line follows
            return None

    def _first(self) -> str:
        number, reason = self.first_unread or (0, "")
        return f"line {number}{reason}"

    def _blocks(self) -> Iterator[bytes]:
        """The blocks of the source, unbuffered: no delay for pipes, and no lock held at the program's end."""
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
    """The fault of a line, worded to follow its number."""
    if content is None:
        return f" is longer than {LONGEST >> 20} MB"
    if not isinstance(error, ValidationError):
        if not is_utf8(content):
            return " is not in UTF-8: convert the file (Latin-1: iconv -f latin1 -t utf-8)"
        return f" is no JSON object: {error}"
    first = error.errors(include_url=False)[0]
    if first["type"] == "union_tag_invalid":
        return " is an event of a type that is not known here"
    if not first["loc"]:
        return " is no event"
    kind, *where = map(str, first["loc"])
    what = first["msg"].removeprefix("Value error, ")
    return f", {kind}: {'.'.join(where)}{': ' if where else ''}{what}"
