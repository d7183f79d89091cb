"""`merits export`: a session of an events file in other formats."""

import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from models.atomic_write import replacing
from streamer.errors import InputError, RunError
from streamer.outputs.console import say
from streamer.replay.recording import STDIN
from streamer.reports.formats.format import OF_SEVERAL, WITH_SOUND, Format, format_of
from streamer.reports.reading import choose, listing, read_records
from streamer.reports.rendering import render
from streamer.reports.sound import Sound
from streamer.session.interrupts import in_order

STDOUT = "-"

_log = logging.getLogger("merits")


def export(
    events: str,
    outs: Sequence[str],
    to: Format | None,
    *,
    audio: Path | None = None,
    link_audio: bool = False,
    session: str | None = None,
    first: bool = False,
) -> None:
    """Write what an events file says, a file for each of `outs`.

    Args:
        events: the file, or "-" for standard input.
        outs: files to write, "-" for standard output; none writes there, too.
        to: the format; None takes those that the files' endings name.
        audio: the session's recording.
        link_audio: whether pages link to it instead of carrying it.
        session: which, where there are several: its id, number or stream.
        first: take what was said of each turn at first, not as it was revised.

    Raises:
        InputError: the events cannot be read, or what is asked for makes no sense.
        RunError: a file cannot be written.
    """
    targets = [(out, to or format_of(out)) for out in outs or [STDOUT]]
    formats = {format_ for _, format_ in targets}
    if audio is not None and not formats & WITH_SOUND:
        raise InputError(f"--audio is of no use to {' or '.join(sorted(formats))}: leave it out")
    if link_audio and (audio is None or Format.HTML not in formats):
        raise InputError("--link-audio is for html, with --audio FILE")
    for out, _ in targets:
        _check(out, [Path(events), *([audio] if audio else [])])
    if audio is not None:
        Sound(audio, Path()).check()
    records = choose(read_records(events, first=first), session, _name(events))
    for _, format_ in targets:
        if len(records) > 1 and format_ not in OF_SEVERAL:
            raise InputError(
                f"{_name(events)} holds {len(records)} sessions: choose --session {listing(records)}"
            )
    for out, format_ in targets:
        folder = Path() if out == STDOUT else Path(out).parent
        sound = None if audio is None else Sound(audio, folder)
        content = render(format_, records, sound, link=link_audio)
        _write(out, content)
        if all(other != STDOUT for other, _ in targets):
            turns = sum(len(record.turns) for record in records)
            say(f"{out}: {turns} turn{'' if turns == 1 else 's'}, {_size(len(content))}")


def _name(events: str) -> str:
    return "standard input" if events == STDIN else events


def _check(out: str, inputs: Sequence[Path]) -> None:
    """See whether `out` can be written, and is none of what is read."""
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
    """Write a file whole: it is not there, or as it was, until all of it is written."""
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
