"""Reads the sessions of events files, and selects among them."""

import logging
from pathlib import Path

from streamer.errors import InputError
from streamer.outputs.session_state import SessionState
from streamer.replay.recording import Recording
from streamer.reports.record import Record

_log = logging.getLogger("merits")


def read_records(source: str | Path, *, first: bool = False) -> list[Record]:
    """Read all sessions of an events file, in order of their starts; skipped lines are logged.

    Args:
        source: a file of JSON lines, as `merits analyze --events` and `merits serve --events` write them, or
            "-" for standard input.
        first: take the first result of each turn, not the latest revision.

    Raises:
        InputError: the file cannot be read, or contains no events.
    """
    recording = Recording(source)
    recording.check()
    sessions: dict[str, SessionState] = {}
    for event in recording:
        sessions.setdefault(event.session, SessionState()).apply(event)
    if recording.passed_over:
        _log.warning("%s", recording.passed_over)
    return [_record(id_, state, first=first) for id_, state in sessions.items()]


def choose(records: list[Record], wanted: str | None, name: str) -> list[Record]:
    """Select sessions: all, or the one with this id, number in the file, or stream.

    Raises:
        InputError: no session matches, or more than one.
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
    """A list of the sessions, for messages."""
    shown = [f"{number} ({record.stream})" for number, record in enumerate(records[:8], start=1)]
    if len(records) > len(shown):
        shown.append(f"... {len(records)} ({records[-1].stream})")
    return ", ".join(shown)


def _record(id_: str, state: SessionState, *, first: bool) -> Record:
    turns = [turn.first if first else turn.said for turn in state.turns.values()]
    return Record(
        session=id_,
        stream=state.stream,
        began=state.started,
        ended=state.ended,
        turns=tuple(sorted(turns, key=lambda turn: (turn.start_s, turn.turn))),
        first_emotions={
            number: turn.first.emotion
            for number, turn in state.turns.items()
            if not first and turn.first.emotion != turn.said.emotion
        },
        gaps=tuple(state.gaps),
    )
