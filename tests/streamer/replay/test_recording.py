"""Files of events, whole and otherwise."""

import asyncio
import os
from pathlib import Path

import pytest

from streamer.errors import InputError
from streamer.events import Event
from streamer.replay.recording import Recording
from tests.streamer.outputs.samples import Sample


def session() -> list[Event]:
    sample = Sample()
    return [sample.started(), sample.final(1), sample.mark(), sample.ended()]


def lines(events: list[Event]) -> bytes:
    return b"".join(event.model_dump_json().encode() + b"\n" for event in events)


async def read(recording: Recording) -> list[Event]:
    return [event async for event in recording]


async def test_all_events_in_order_in_this_thread_and_beside_the_loop(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_bytes(lines(session() + session()))
    assert list(Recording(str(file))) == await read(Recording(str(file)))
    assert [event.type for event in Recording(str(file))][:4] == [event.type for event in session()]


async def test_lines_that_are_no_events_are_passed_over_and_counted(tmp_path: Path) -> None:
    events = session()
    file = tmp_path / "events.jsonl"
    newer = b'{"type": "turn.sung", "stream": "kitchen"}\r\n\n'
    whole = lines(events[:1]) + newer + lines(events[1:])
    file.write_bytes(whole[:-20])  # cut, as by SIGKILL on a full disk
    recording = Recording(str(file))
    assert await read(recording) == events[:-1]
    assert recording.unread == 2
    assert recording.first_unread is not None
    assert recording.first_unread[0] == 2


@pytest.mark.parametrize("content", [b"", b"\n\n", b"hello\n", os.urandom(300_000), b"\0" * 3_000_000])
async def test_a_file_without_events_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "sound.wav"
    file.write_bytes(content)
    recording = Recording(str(file))
    recording.check()
    with pytest.raises(
        InputError, match=r"sound\.wav holds no events; give a file that was written by --events"
    ):
        await read(recording)


def test_what_is_not_there_or_no_file_is_refused_before_anything_begins(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        Recording(str(tmp_path / "nothing.jsonl")).check()
    with pytest.raises(InputError, match="is a folder"):
        Recording(str(tmp_path)).check()


async def test_a_pipe_is_read_as_it_comes_and_holds_nothing_up(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    events = session()
    writer = asyncio.to_thread(pipe.open, "wb", buffering=0)
    recording = aiter(Recording(str(pipe)))
    first = asyncio.ensure_future(anext(recording))
    file = await writer
    with file:
        file.write(lines(events[:1]))
        assert await first == events[0]
        second = asyncio.ensure_future(anext(recording))
        await asyncio.sleep(0.05)
        assert not second.done()
        half = lines(events[1:2])
        file.write(half[:50])
        file.write(half[50:])
        assert await second == events[1]
    with pytest.raises(StopAsyncIteration):
        await anext(recording)
