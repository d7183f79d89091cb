"""`merits export`: a session of an events file in other formats."""

import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from docstring_options import documented
from models.atomic_write import replacing
from streamer.errors import InputError, RunError
from streamer.machine.interrupts import in_order
from streamer.reports.registry import OF_SEVERAL, WITH_SOUND, Format, format_of

STDIN = STDOUT = "-"

_log = logging.getLogger("merits")


@documented
def export(
    events: Annotated[str, Argument(metavar="EVENTS")],
    out: Annotated[list[str] | None, Option(metavar="FILE")] = None,
    to: Annotated[Format | None, Option("--to", "--format", metavar="FORMAT")] = None,
    audio: Annotated[Path | None, Option(metavar="FILE")] = None,
    link_audio: bool = False,
    session: Annotated[str | None, Option(metavar="SESSION")] = None,
    first: bool = False,
) -> None:
    """Export a session: a report page, subtitles, tables, annotations.

    Reads an events file and writes one file for each --out. docs/reports.md describes the formats.

    Examples:
        merits export samples/conversation.jsonl --out talk.srt --out talk.csv
        merits export samples/conversation.jsonl --to vtt
        merits export call.jsonl --out call.html --audio call.wav

    Args:
        events: Events file, as `merits analyze --events` writes it. "-" is standard input.
        out: File to write; "-" is standard output. May be repeated. [default: -]
        to: Format to write: srt, vtt, rttm, csv, emotionml, audacity, eaf (ELAN) or html. [default: what the
            ending of --out stands for]
        audio: Recording of the session; html pages play it, eaf and emotionml files refer to it. [default:
            none]
        link_audio: Let the html page link to the recording instead of containing it.
        session: Session to export from a file with several: its number in the file, its stream's name, or its
            id. [default: all, where the format can hold several]
        first: Export each turn as it was first reported, before later turns revised it.

    Raises:
        InputError: the events cannot be read, or the options do not fit together.
        RunError: a file cannot be written.
    """
    from streamer.outputs.console import say
    from streamer.reports.reading import choose, listing, read_records
    from streamer.reports.registry import render
    from streamer.reports.sound import Sound

    targets = [(target, to or format_of(target)) for target in out or [STDOUT]]
    formats = {format_ for _, format_ in targets}
    if audio is not None and not formats & WITH_SOUND:
        raise InputError(f"--audio is of no use to {' or '.join(sorted(formats))}: leave it out")
    if link_audio and (audio is None or Format.HTML not in formats):
        raise InputError("--link-audio is for html, with --audio FILE")
    for target, _ in targets:
        _check(target, [Path(events), *([audio] if audio else [])])
    if audio is not None:
        Sound(audio, Path()).check()
    records = choose(read_records(events, first=first), session, _name(events))
    for _, format_ in targets:
        if len(records) > 1 and format_ not in OF_SEVERAL:
            raise InputError(
                f"{_name(events)} holds {len(records)} sessions: choose --session {listing(records)}"
            )
    for target, format_ in targets:
        folder = Path() if target == STDOUT else Path(target).parent
        sound = None if audio is None else Sound(audio, folder)
        content = render(format_, records, sound, link=link_audio)
        _write(target, content)
        if all(other != STDOUT for other, _ in targets):
            turns = sum(len(record.turns) for record in records)
            say(f"{target}: {turns} turn{'' if turns == 1 else 's'}, {_size(len(content))}")


def _name(events: str) -> str:
    return "standard input" if events == STDIN else events


def _check(out: str, inputs: Sequence[Path]) -> None:
    """Check that `out` can be written and is none of the inputs."""
    if out == STDOUT:
        return
    path = Path(out)
    if path.is_dir():
        raise InputError(f"{path} is a folder: give --out the name of a file in it")
    if any(path.exists() and source.exists() and path.samefile(source) for source in inputs):
        raise InputError(f"{path} is what is exported: give --out another name")
    if not path.parent.is_dir():
        raise InputError(f"cannot write {path}: there is no folder {path.parent}; create it first")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise InputError(f"cannot write {path}: permission denied; choose another place")


def _write(out: str, content: bytes) -> None:
    """Write a file atomically: until all is written, the old file (or none) stays in place."""
    if out == STDOUT:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    try:
        with in_order(), replacing(Path(out), durable=True) as path:
            path.write_bytes(content)
    except OSError as error:
        raise RunError(f"cannot write {out}: {error.strerror}; make room or choose another place") from error


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{max(count / 1e3, 0.1):.1f} kB"
