"""Reads sessions from events files: also those cut short, or written by newer versions of this program."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any, BinaryIO

from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import from_json

from streamer.errors import InputError
from streamer.event_lines import LONGEST, Line, check_ends, event_lines, is_utf8
from streamer.reports.record import Began, Ended, Gap, Record, Turn

STDIN = "-"
_BLOCK = 1 << 16

_KNOWN = {"session.started", "session.ended", "turn.final", "turn.revised", "audio.gap"}
_EVENT: TypeAdapter[Began | Ended | Gap | Turn] = TypeAdapter(
    Annotated[Began | Ended | Gap | Turn, Field(discriminator="type")]
)


@dataclass
class _Session:
    began: Began | None = None
    ended: Ended | None = None
    turns: dict[int, tuple[Turn, Turn]] = field(default_factory=dict)
    """By number, what was said of a turn at first, and last."""
    gaps: list[Gap] = field(default_factory=list)
    stream: str = ""


def read_records(
    source: str | Path, *, first: bool = False, notify: Callable[[str], None] = lambda _: None
) -> list[Record]:
    """Read every session of an events file, in order of their beginnings.

    Events of unknown types and unknown fields of known ones are passed over: they come from newer versions.

    Args:
        source: a file of JSON lines, as `merits analyze --events` and `merits serve --events` write them, or
            "-" for standard input.
        first: take what was said of each turn at first, not as it was revised.
        notify: is told, in one line, when the last line is cut short, as by a copy that broke off.

    Raises:
        InputError: the file cannot be read, a line in it is no event, or it has no session in it.
    """
    name = "standard input" if source == STDIN else str(source)
    sessions: dict[str, _Session] = {}
    with _opened(source) as file:
        for event in _events(file, name, notify):
            session = sessions.setdefault(event.session, _Session())
            session.stream = event.stream
            match event:
                case Began():
                    session.began = event
                case Ended():
                    session.ended = event
                case Gap():
                    session.gaps.append(event)
                case Turn():
                    first_of_it, last = session.turns.get(event.turn, (event, event))
                    session.turns[event.turn] = (
                        event if event.revision < first_of_it.revision else first_of_it,
                        event if event.revision >= last.revision else last,
                    )
    if not sessions:
        raise InputError(f"{name} has no session in it: give a file that `merits analyze --events` wrote")
    return [_record(id_, session, first=first) for id_, session in sessions.items()]


def choose(records: list[Record], wanted: str | None, name: str) -> list[Record]:
    """The sessions that are asked for: all, or the one with this id, number in the file, or stream.

    Raises:
        InputError: there is none of that name, or more than one.
    """
    if wanted is None:
        return records
    by_number = [record for number, record in enumerate(records, start=1) if str(number) == wanted]
    by_id = [record for record in records if record.session.casefold() == wanted.casefold()]
    by_stream = [record for record in records if record.stream == wanted]
    found = by_id or by_stream or by_number
    if len(found) == 1:
        return found
    what = "more than one session" if found else "no session"
    raise InputError(f"{name} has {what} {wanted!r}: choose --session {listing(records)}")


def listing(records: list[Record]) -> str:
    """The sessions there are, to choose from."""
    shown = [f"{number} ({record.stream})" for number, record in enumerate(records[:8], start=1)]
    if len(records) > len(shown):
        shown.append(f"... {len(records)} ({records[-1].stream})")
    return ", ".join(shown)


def _record(id_: str, session: _Session, *, first: bool) -> Record:
    turns = [said[0 if first else 1] for said in session.turns.values()]
    return Record(
        session=id_,
        stream=session.stream,
        began=session.began,
        ended=session.ended,
        turns=tuple(sorted(turns, key=lambda turn: (turn.start_s, turn.turn))),
        first_emotions={
            number: earliest.emotion
            for number, (earliest, last) in session.turns.items()
            if not first and earliest.emotion != last.emotion
        },
        gaps=tuple(session.gaps),
    )


@contextmanager
def _opened(source: str | Path) -> Iterator[BinaryIO]:
    if source == STDIN:
        yield sys.stdin.buffer
        return
    path = Path(source)
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder: give an events file in it")
        with path.open("rb") as file:
            check_ends(file, str(path))
            yield file
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; write one with `merits analyze --events {path}`") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error


def _events(file: BinaryIO, name: str, notify: Callable[[str], None]) -> Iterator[Began | Ended | Gap | Turn]:
    broken: tuple[Line, ValueError] | None = None
    too_long = []
    for line in _lines(file, name):
        number, content = line
        if content is None:
            too_long.append(number)
            continue
        if broken is not None:
            raise _no_json(*broken, name)
        try:
            told = from_json(content, allow_inf_nan=False)
        except ValueError as error:
            broken = line, error
            if not content.startswith(b"{"):
                raise _no_json(line, error, name) from None
            continue
        yield from _checked(told, number, name)
    if broken is not None:
        notify(f"{name} line {broken[0].number}, the last, is cut short: exported without it")
    if too_long:
        lines = "1 line" if len(too_long) == 1 else f"{len(too_long)} lines"
        notify(f"{name}: passed over {lines} longer than {LONGEST >> 20} MB (line {too_long[0]})")


def _lines(file: BinaryIO, name: str) -> Iterator[Line]:
    for lines in event_lines(iter(partial(file.read, _BLOCK), b""), name):
        yield from lines


def _no_json(line: Line, error: ValueError, name: str) -> InputError:
    if line.content is not None and not is_utf8(line.content):
        return InputError(
            f"{name} line {line.number} is not in UTF-8: convert the file (Latin-1: iconv -f latin1 -t utf-8)"
        )
    return InputError(f"{name} line {line.number} is no JSON object ({error}): mend or remove that line")


def _checked(told: Any, number: int, name: str) -> Iterator[Began | Ended | Gap | Turn]:
    if not isinstance(told, dict) or not isinstance(kind := told.get("type"), str):
        raise InputError(
            f"{name} line {number} is no event: give a file that `merits analyze --events` wrote"
        )
    if kind not in _KNOWN:
        return
    try:
        yield _EVENT.validate_python(told)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"][1:]))
        what = first["msg"].removeprefix("Value error, ")
        raise InputError(
            f"{name} line {number}, {kind}: {f'{where}: ' if where else ''}{what}; mend or remove that line"
        ) from None
