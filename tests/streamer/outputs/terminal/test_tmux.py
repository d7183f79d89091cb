"""The live view in a real tmux: its keys work, it does not flicker, and it leaves a clean terminal."""

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from streamer.events import SessionEnded, parse_event
from tests.streamer.outputs.samples import Sample
from tests.streamer.outputs.terminal.tmux import Tmux
from tests.streamer.outputs.terminal.tmux import tmux as tmux

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[4]
MERITS = f"PYTHONPATH={ROOT} {sys.executable} -c 'from streamer.cli.app import main; main()'"


def events_of(stream: str, turns: int, every_s: float) -> str:
    """A session as an events file: a turn `every_s` seconds."""
    sample = Sample(stream)
    events = [
        sample.started(),
        *(
            sample.final(turn, start_s=every_s * (turn - 1), end_s=every_s * turn, text=f"turn {turn}.")
            for turn in range(1, turns + 1)
        ),
    ]
    return "".join(f"{event.model_dump_json()}\n" for event in events)


def has_turns(tmux: Tmux) -> bool:
    """Whether words of turns are on the screen."""
    return re.search(r"turn \d+\.", tmux.screen()) is not None


@pytest.fixture
def files(tmp_path: Path) -> str:
    """Two sessions, of which one has a turn every fifth of a second, for minutes."""
    (tmp_path / "kitchen.jsonl").write_text(events_of("kitchen", 1_500, 0.2))
    (tmp_path / "hall.jsonl").write_text(events_of("hall", 3, 3_600))
    return f"{tmp_path / 'kitchen.jsonl'} {tmp_path / 'hall.jsonl'}"


def test_keys(tmux: Tmux, files: str) -> None:
    before = tmux.settings()
    tmux.type(f"{MERITS} replay --from 5 {files}")
    tmux.shows("kitchen", "│ hall", "q quit", "faster-whisper:tiny.en")
    tmux.until(lambda: has_turns(tmux))
    tmux.press("Space")
    tmux.shows("paused")
    held = tmux.screen()
    time.sleep(1)
    assert tmux.screen() == held
    tmux.press("w")
    tmux.shows("show words", "·····")
    assert not has_turns(tmux)
    tmux.press("w", "Space", "Tab")
    tmux.until(lambda: "hall" not in tmux.screen() and has_turns(tmux))
    tmux.press("Up", "F5", "M-q", "x")  # mean nothing, and are no letters
    tmux.press("Tab")
    tmux.until(lambda: tmux.screen().startswith("hall"))
    tmux.press("q")
    tmux.until(tmux.is_clean)
    tmux.shows("anger", "$")  # how the sessions went
    assert "Traceback" not in tmux.screen()
    assert tmux.said("$?") == "0"
    assert tmux.settings() == before


def test_ctrl_z_lends_the_terminal_to_the_shell(tmux: Tmux, files: str) -> None:
    before = tmux.settings()
    tmux.type(f"{MERITS} replay {files}")
    tmux.until(lambda: has_turns(tmux))
    tmux.press("C-z")
    tmux.until(tmux.is_clean)
    tmux.shows("Stopped")
    assert tmux.settings() == before
    tmux.type("fg")
    tmux.until(lambda: not tmux.is_clean())
    tmux.until(lambda: has_turns(tmux))
    tmux.press("w")
    tmux.shows("show words")
    tmux.resize(120, 30)
    tmux.until(lambda: "─" * 120 in tmux.screen() and len(tmux.screen().splitlines()) == 30)
    tmux.resize(30, 6)
    tmux.until(lambda: tmux.screen().splitlines()[-1].startswith("q quit"))
    tmux.resize(80, 24)
    tmux.press("C-c")
    tmux.until(tmux.is_clean)
    assert tmux.said("$?") == "130"
    assert tmux.settings() == before


@pytest.mark.parametrize("signal", ["TERM", "SEGV", "KILL"])
def test_the_terminal_is_clean_after_the_end_by_a_signal(
    tmux: Tmux, files: str, signal: str, tmp_path: Path
) -> None:
    before = tmux.settings()
    tmux.type(f"{MERITS} replay {files} & echo $! > {tmp_path}/pid; fg")
    tmux.until(lambda: has_turns(tmux))
    killed = (tmp_path / "pid").read_text().strip()
    subprocess.run(["kill", f"-{signal}", killed], check=True)
    tmux.until(tmux.is_clean)
    tmux.until(lambda: tmux.settings() == before)


def test_the_terminal_is_clean_after_a_crash(tmux: Tmux, tmp_path: Path) -> None:
    script = tmp_path / "crash.py"
    script.write_text(
        "import asyncio\n"
        "from rich.console import Console\n"
        "from streamer.outputs.terminal.view import TerminalView\n"
        "from tests.streamer.outputs.samples import Sample\n"
        "async def main():\n"
        "    async with TerminalView(Console()) as view:\n"
        "        await view.send(Sample().final())\n"
        "        await asyncio.sleep(2)\n"
        "        raise RuntimeError('unforeseen')\n"
        "asyncio.run(main())\n"
    )
    before = tmux.settings()
    tmux.type(f"clear; PYTHONPATH={ROOT} {sys.executable} {script}")
    tmux.shows("q quit", "anger")
    tmux.shows("RuntimeError: unforeseen")
    assert tmux.is_clean()
    assert tmux.settings() == before


def test_the_keys_of_a_session(tmux: Tmux, tmp_path: Path) -> None:
    """A moment is marked in the events, and q ends in order: what was heard is told."""
    events = tmp_path / "events.jsonl"
    recording = ROOT / "samples" / "conversation.flac"
    tmux.type(f"{MERITS} analyze {recording} --pace realtime --asr none --events {events}")
    tmux.shows("conversation.flac", "m mark", "dB")
    tmux.press("m")
    tmux.shows("▸ marked")
    tmux.press("q")
    tmux.until(tmux.is_clean)
    assert tmux.said("$?") == "0"
    told = [parse_event(line) for line in events.read_text().splitlines()]
    assert [event.type for event in told].count("mark") == 1
    assert isinstance(told[-1], SessionEnded)
    assert told[-1].reason == "interrupted"


def test_it_does_not_flicker(tmux: Tmux, files: str, tmp_path: Path) -> None:
    sent = tmp_path / "sent"
    tmux.record(sent)
    tmux.type(f"{MERITS} replay {files.split()[0]}")
    tmux.until(lambda: has_turns(tmux))
    began, seen = time.monotonic(), []
    size = sent.stat().st_size
    while time.monotonic() < began + 4:
        seen.append(tmux.screen())
    took = time.monotonic() - began
    written = sent.read_bytes()[size:].decode(errors="replace")
    assert all(
        screen.startswith("kitchen ") and "q quit" in screen and "valence" in screen for screen in seen
    )
    assert len(set(seen)) > 4
    frames = written.count("\x1b[?2026h")
    assert frames <= 10 * took + 2
    assert "\x1b[2J" not in written
    assert not re.search(r"\n", written)
    # A frame writes less than a third of what the screen holds: only what changed.
    width, height = (len(max(seen[0].splitlines(), key=len)), len(seen[0].splitlines()))
    assert len(written) / max(frames, 1) < width * height * 1.5
    tmux.press("Space")
    tmux.shows("paused")
    time.sleep(0.5)
    size = sent.stat().st_size
    time.sleep(1.5)
    assert sent.stat().st_size == size
    tmux.press("q")
    tmux.until(tmux.is_clean)
