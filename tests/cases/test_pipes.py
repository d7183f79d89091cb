"""reports/07: sound from a named pipe, standard input, or `<( )`: read to its end, or refused in one line."""

import json
import os
import signal
import subprocess
import time
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.streamer.cli.test_app import MERITS, merits, one_line
from tests.streamer.sound import conversation
from tests.tiny import make_bundle

pytestmark = pytest.mark.system

TURNS = 2


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("talk") / "talk.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(conversation()[: int(16_000 * 7.7)].tobytes())
    return path


def told(events: Path | str) -> Iterator[dict[str, Any]]:
    text = events.read_text() if isinstance(events, Path) else events
    return map(json.loads, text.splitlines())


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("cat {talk} | {analyze} -", "stdin"),
        ("cat {talk} | {analyze} /dev/stdin", "stdin"),
        ("{analyze} - <{talk}", "stdin"),
        ("{analyze} <(cat {talk})", "pipe-63"),
        ("mkfifo fifo.wav; cat {talk} >fifo.wav & {analyze} fifo.wav", "fifo"),
        ("cat {talk} | {analyze} - --channels split --pace realtime", "stdin"),
        ("{analyze} {talk} --follow --follow-idle 1", "talk"),
    ],
)
def test_it_is_read_to_its_end(tmp_path: Path, bundle: Path, talk: Path, command: str, name: str) -> None:
    analyze = f"{MERITS} analyze --bundle {bundle} --asr none --events -"
    done = subprocess.run(
        ["bash", "-c", command.format(talk=talk, analyze=analyze)],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    events = list(told(done.stdout))
    assert {event["stream"] for event in events} == {name}
    assert sum(event["type"] == "turn.final" for event in events) == TURNS
    assert events[-1]["reason"] == "end of input"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_fifo_without_a_writer_is_said_to_be_waited_for_and_can_be_left(
    tmp_path: Path, bundle: Path, number: signal.Signals
) -> None:
    os.mkfifo(tmp_path / "fifo.wav")
    process = subprocess.Popen(
        [MERITS, "analyze", "fifo.wav", "--bundle", bundle, "--asr", "none", "--events", "events.jsonl"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    said = process.stderr.readline()
    assert said == "merits: nothing comes from fifo.wav: still waiting (Ctrl-C ends it)\n"
    process.send_signal(number)
    began = time.monotonic()
    process.communicate(timeout=60)
    assert time.monotonic() - began < 30  # it may still be loading
    assert process.returncode in (128 + number, -number)
    assert not (tmp_path / "events.jsonl").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-", "-"], "stdin is given twice"),
        (["-", "/dev/stdin"], "stdin is given twice"),
        (["-"], "stdin is empty"),
        (["/dev/zero"], "/dev/zero is a device"),
    ],
)
def test_what_makes_no_sense_is_one_line(bundle: Path, arguments: list[str], message: str) -> None:
    done = subprocess.run(
        [MERITS, "analyze", *arguments, "--bundle", bundle, "--asr", "none"],
        input="", capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert message in one_line(done)


def test_a_report_needs_the_file(tmp_path: Path, bundle: Path, talk: Path) -> None:
    events = tmp_path / "events.jsonl"
    assert merits("analyze", talk, "--bundle", bundle, "--asr", "none", "--events", events).returncode == 0
    os.mkfifo(tmp_path / "fifo.wav")
    for audio in ("-", tmp_path / "fifo.wav"):
        done = merits("export", events, "--out", tmp_path / "page.html", "--audio", audio)
        assert done.returncode == 2
        assert "is no file: what was read from a pipe is gone" in one_line(done)


def test_the_input_is_not_written_over(tmp_path: Path, bundle: Path, talk: Path) -> None:
    path = tmp_path / "talk.wav"
    path.write_bytes(talk.read_bytes())
    command = f"{MERITS} analyze - --bundle {bundle} --asr none --events {path} <{path}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert "is the recording itself" in done.stderr
    assert path.read_bytes() == talk.read_bytes()
