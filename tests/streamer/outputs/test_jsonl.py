"""JSON lines: whole lines whatever happens, nothing left behind by a session that never began."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from streamer.errors import InputError, RunError
from streamer.events import Event, parse_event
from streamer.outputs.jsonl import JsonLines
from tests.streamer.outputs.samples import Sample


def run_child(body: str, *args: str, **popen: object) -> subprocess.Popen[str]:
    """Start a process that runs `body` inside a coroutine, with a `Sample` at hand."""
    script = "\n".join(
        [
            "import asyncio, resource, sys",
            "from streamer.errors import RunError",
            "from streamer.outputs.jsonl import JsonLines",
            "from tests.streamer.outputs.samples import Sample",
            "sample = Sample()",
            "async def main():",
            textwrap.indent(textwrap.dedent(body), "    "),
            "asyncio.run(main())",
        ]
    )
    return subprocess.Popen([sys.executable, "-c", script, *args], text=True, **popen)  # type: ignore[call-overload,no-any-return]


async def test_events_become_lines_in_order(tmp_path: Path) -> None:
    path, sample = tmp_path / "events.jsonl", Sample()
    events: list[Event] = [
        sample.started(),
        sample.turn_started(),
        sample.final(text="naïve\u2028 \n😀"),
        sample.ended(),
    ]
    async with JsonLines(path) as output:
        for sent, event in enumerate(events, start=1):
            await output.send(event)
            assert path.read_bytes().count(b"\n") == sent
    assert [parse_event(line) for line in path.read_bytes().split(b"\n")[:-1]] == events


async def test_a_session_that_never_begins_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    async with JsonLines(path):
        pass
    assert not path.exists()


async def test_an_earlier_session_is_replaced_by_the_first_event_only(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text("an earlier session\n")
    async with JsonLines(path) as output:
        assert path.read_text() == "an earlier session\n"
        await output.send(Sample().started())
    assert json.loads(path.read_text())["type"] == "session.started"


@pytest.mark.parametrize("name", ["", "missing/events.jsonl", "recording.wav/events.jsonl"])
def test_what_cannot_be_written_is_said_before_anything_runs(tmp_path: Path, name: str) -> None:
    (tmp_path / "recording.wav").write_bytes(b"RIFF")
    with pytest.raises(InputError, match=str(tmp_path)):
        JsonLines(tmp_path / name).check()
    assert [path.name for path in tmp_path.iterdir()] == ["recording.wav"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_said(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="permission"):
        JsonLines(tmp_path / "events.jsonl").check()


def test_the_recording_is_never_written_over(tmp_path: Path) -> None:
    recording = tmp_path / "recording.wav"
    recording.write_bytes(b"RIFF")
    (tmp_path / "link").symlink_to(recording)
    with pytest.raises(InputError, match="the recording itself"):
        JsonLines(tmp_path / "link", inputs=[recording]).check()


async def test_a_full_disk_is_said_once(tmp_path: Path) -> None:
    async with JsonLines("/dev/full") as output:
        with pytest.raises(RunError, match=r"/dev/full: No space left"):
            await output.send(Sample().started())
        await output.send(Sample().ended())


def test_a_file_that_fills_up_ends_with_a_whole_line(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    child = run_child(
        """
        resource.setrlimit(resource.RLIMIT_FSIZE, (3_000, 3_000))
        async with JsonLines(sys.argv[1]) as output:
            try:
                for turn in range(1, 100):
                    await output.send(sample.final(turn))
            except RunError as error:
                print(error)
        """,
        str(path),
        stdout=subprocess.PIPE,
    )
    said, _ = child.communicate(timeout=60)
    assert "File too large" in said
    content = path.read_bytes()
    assert 1_000 < len(content) < 3_000
    assert content.endswith(b"}\n")


@pytest.mark.parametrize("limit", range(2_900, 4_000, 100))
def test_the_end_of_a_session_is_told_where_there_was_no_room_for_more(tmp_path: Path, limit: int) -> None:
    path = tmp_path / "events.jsonl"
    child = run_child(
        """
        limit = int(sys.argv[2])
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        async with JsonLines(sys.argv[1]) as output:
            try:
                for turn in range(1, 100):
                    await output.send(sample.final(turn))
            except RunError:
                await output.send(sample.ended())
        """,
        str(path),
        str(limit),
    )
    assert child.wait(timeout=60) == 0
    lines = path.read_bytes().split(b"\n")
    assert lines[-1] == b""
    assert [json.loads(line)["type"] for line in lines[:-1]][-2:] == ["turn.final", "session.ended"]


async def test_what_another_one_writes_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    (tmp_path / "link").symlink_to(path)
    async with JsonLines(path) as first:
        await first.send(Sample().started())
        before = path.read_bytes()
        for name in (path, tmp_path / "link"):
            with pytest.raises(InputError, match="being written by another run"):
                JsonLines(name).check()
        assert path.read_bytes() == before
    JsonLines(path).check()
    assert sorted(os.listdir(tmp_path)) == ["events.jsonl", "link"]  # noqa: PTH208


async def test_of_two_that_begin_at_once_the_second_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    async with JsonLines(path) as first, JsonLines(path) as second:
        await first.send(Sample().started())
        with pytest.raises(InputError, match="being written by another run"):
            await second.send(Sample().started())
        await second.send(Sample().ended())
        await first.send(Sample().ended())
    assert [parse_event(line).type for line in path.read_bytes().splitlines()] == [
        "session.started",
        "session.ended",
    ]


async def test_a_device_is_anyones() -> None:
    async with JsonLines("/dev/null") as first, JsonLines("/dev/null") as second:
        await first.send(Sample().started())
        await second.send(Sample().started())


def test_a_killed_process_leaves_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    child = run_child(
        """
        async with JsonLines(sys.argv[1]) as output:
            for turn in range(1, 1_000_000):
                await output.send(sample.final(turn))
                if turn == 200:
                    print("going", flush=True)
        """,
        str(path),
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "going\n"
    child.send_signal(signal.SIGKILL)
    child.communicate(timeout=60)
    content = path.read_bytes()
    assert content.endswith(b"\n")
    turns = [json.loads(line)["turn"] for line in content.splitlines()]
    assert len(turns) >= 200
    assert turns == list(range(1, len(turns) + 1))


def test_a_reader_that_leaves_is_noticed_once_and_without_noise() -> None:
    child = run_child(
        """
        async with JsonLines("-") as output:
            try:
                while True:
                    await output.send(sample.final())
            except BrokenPipeError:
                await output.send(sample.ended())
                print("gone", file=sys.stderr)
        """,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert child.stdout is not None
    assert child.stderr is not None
    assert json.loads(child.stdout.readline())["type"] == "turn.final"
    child.stdout.close()
    assert child.stderr.read() == "gone\n"
    child.stderr.close()
    assert child.wait(timeout=60) == 0


def test_a_slow_reader_gets_every_line() -> None:
    child = run_child(
        """
        import os
        os.set_blocking(1, False)
        async with JsonLines("-") as output:
            for turn in range(1, 301):
                await output.send(sample.final(turn))
        """,
        stdout=subprocess.PIPE,
    )
    lines, _ = child.communicate(timeout=60)
    assert [json.loads(line)["turn"] for line in lines.splitlines()] == list(range(1, 301))
