"""The command line as users meet it: real processes, tiny networks."""

import json
import os
import signal
import subprocess
import sys
import time
import wave
from pathlib import Path

import jsonschema
import pytest

from models.paths import DEFAULT_BUNDLE
from streamer.cli.app import app
from streamer.events import event_schema
from streamer.version import VERSION
from tests.streamer.sound import CONVERSATION, conversation, truth
from tests.tiny import make_bundle

EVENTS = CONVERSATION.with_suffix(".jsonl")
MERITS = str(Path(sys.executable).parent / "merits")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("bundle"))


def merits(*arguments: object, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [MERITS, *map(str, arguments)], capture_output=True, text=True, cwd=cwd, timeout=120, check=False
    )


def one_line(done: "subprocess.CompletedProcess[str]") -> str:
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert line.startswith("merits: ")
    return line


@pytest.mark.slow
def test_help_is_quick_and_names_every_command() -> None:
    took = []
    for _ in range(3):
        began = time.perf_counter()
        done = merits("--help")
        took.append(time.perf_counter() - began)
    for command in ("analyze", "listen", "devices", "schema", "doctor"):
        assert command in done.stdout
    assert min(took) < 1 or os.getloadavg()[0] > 2


@pytest.mark.system
def test_events_on_standard_output_are_all_there_is_and_fit_the_schema(bundle: Path) -> None:
    done = merits("analyze", CONVERSATION, "--bundle", bundle, "--asr", "none", "--events", "-")
    assert (done.returncode, done.stderr) == (0, "")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    schema = json.loads(merits("schema").stdout)
    assert schema == event_schema()
    validator = jsonschema.Draft202012Validator(schema)
    for number, event in enumerate(events, start=1):
        validator.validate(event)
        assert event["seq"] == number
        assert event["stream"] == "conversation"
    assert sum(event["type"] == "turn.final" for event in events) == len(truth())


@pytest.mark.system
def test_plain_lines_where_there_is_no_terminal(bundle: Path) -> None:
    done = merits("analyze", CONVERSATION, "--bundle", bundle, "--asr", "auto")
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    assert len(done.stdout.splitlines()) >= len(truth()) + 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("labels", "words_only"),
    [
        (("negative", "positive"), True),
        (("angry", "happy", "neutral", "sad"), False),
        (("angry", "excited", "frustrated", "happy", "neutral", "sad"), True),
        (("neutral", "joy", "sadness", "anger", "surprise", "fear", "disgust"), False),
        (("schadenfreude, mild", "悲しい", "an emotion with a name far longer than any column"), True),
    ],
    ids=["MOSI", "IEMOCAP 4-way", "IEMOCAP 6-way", "MELD", "unheard of"],
)
def test_bundles_of_any_labels_are_analyzed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], labels: tuple[str, ...], words_only: bool
) -> None:
    bundle = make_bundle(tmp_path, labels=labels, words_only=words_only)
    start, events = tmp_path / "start.wav", tmp_path / "events.jsonl"
    with wave.open(str(start), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(conversation()[:64_000].tobytes())
    command = ["analyze", start, "--bundle", bundle, "--asr", "auto", "--events", events]
    app([str(argument) for argument in command], standalone_mode=False)
    printed = capsys.readouterr()
    assert printed.err == ""
    lines = [json.loads(line) for line in events.read_text().splitlines()]
    assert lines[0]["labels"] == list(labels)
    finals = [line for line in lines if line["type"] == "turn.final"]
    assert finals
    for final in finals:
        assert set(final["probabilities"]) == set(labels)
        assert final["emotion"] in labels
        assert final["emotion"] in printed.out
        expected = {"text"} if final["text"] else set()
        assert set(final["modalities"]) == (expected if words_only else {*expected, "speech"})


@pytest.mark.system
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["analyze", "missing.wav"], "missing.wav"),
        (["analyze", "folder"], "folder"),
        (["analyze", "empty.wav"], "empty"),
        (["analyze", "text.wav"], "text.wav"),
        (["analyze", CONVERSATION, "--bundle", "nothing-of-that-name"], DEFAULT_BUNDLE),
        (["analyze", CONVERSATION, "--asr", "nobody"], "nobody"),
        (["analyze", CONVERSATION, "--asr", "faster-whisper:enormous"], "enormous"),
        (["analyze", CONVERSATION, "--window", "0"], "window"),
        (["analyze", CONVERSATION, "--pace", "slow"], "'--pace': 'slow' is not one of"),
        (["analyze", CONVERSATION, "--mqtt", "http://localhost"], "mqtt://"),
        (["analyze", CONVERSATION, "--speakers", "a,b,c", "--channels", "split"], "3 speakers"),
        (["analyze"], "FILE"),
        (["analyze", "--nonsense"], "--nonsense"),
        (["listen", "--device", "no such microphone"], ""),
        (["dance"], "dance"),
    ],
)
def test_bad_input_is_one_line_exit_2_and_leaves_nothing(
    tmp_path: Path, bundle: Path, arguments: list[str], message: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("This is no sound at all.\n" * 50)
    before = sorted(tmp_path.rglob("*"))
    if arguments[0] in ("analyze", "listen") and "--bundle" not in arguments:
        arguments = [*arguments, "--bundle", str(bundle)]
    if len(arguments) > 3:
        arguments = [*arguments, "--events", "events.jsonl"]
    done = merits(*arguments, cwd=tmp_path)
    assert message in one_line(done)
    assert done.returncode == 2
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.system
def test_a_bundle_with_one_byte_changed_is_refused(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "b")
    weights = bytearray((bundle / "model.safetensors").read_bytes())
    weights[-5] ^= 1
    (bundle / "model.safetensors").write_bytes(weights)
    done = merits("analyze", CONVERSATION, "--bundle", bundle, "--events", tmp_path / "events.jsonl")
    assert "changed" in one_line(done)
    assert done.returncode == 2
    assert not (tmp_path / "events.jsonl").exists()


@pytest.mark.system
def test_a_truncated_recording_is_analyzed_as_far_as_it_goes_and_those_after_it(
    tmp_path: Path, bundle: Path
) -> None:
    whole = CONVERSATION.read_bytes()
    (tmp_path / "cut.flac").write_bytes(whole[: len(whole) // 2])
    events = tmp_path / "events.jsonl"
    files = tmp_path / "cut.flac", CONVERSATION
    done = merits("analyze", *files, "--bundle", bundle, "--asr", "none", "--events", events)
    assert done.returncode == 0
    assert "cut.flac is truncated" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    lines = [json.loads(line) for line in events.read_text().splitlines()]
    ends = [number for number, line in enumerate(lines) if line["type"] == "session.ended"]
    assert [lines[number]["reason"] for number in ends] == ["end of input", "end of input"]
    first, second = lines[: ends[0]], lines[ends[0] :]
    assert sum(line["type"] == "turn.final" for line in first) >= 4
    assert sum(line["type"] == "turn.final" for line in second) >= 9


def started(events: Path, bundle: Path, *more: str) -> "subprocess.Popen[str]":
    """A session at real-time pace that has begun."""
    command = [MERITS, "analyze", str(CONVERSATION), "--pace", "realtime", "--bundle", str(bundle)]
    process = subprocess.Popen(
        [*command, "--asr", "none", "--events", str(events), *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # under nohup it is ignored
    )
    deadline = time.monotonic() + 60
    while not (events.exists() and "turn.final" in events.read_text()):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process


@pytest.mark.system
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_interrupted_in_the_middle_it_drains_and_says_so(
    tmp_path: Path, bundle: Path, number: signal.Signals, code: int
) -> None:
    process = started(tmp_path / "events.jsonl", bundle)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=30)
    assert (process.returncode, stderr) == (code, "")
    text = (tmp_path / "events.jsonl").read_text()
    assert text.endswith("\n")
    last = json.loads(text.splitlines()[-1])
    assert (last["type"], last["reason"]) == ("session.ended", "interrupted")


@pytest.mark.kill
def test_killed_it_leaves_whole_lines(tmp_path: Path, bundle: Path) -> None:
    process = started(tmp_path / "events.jsonl", bundle)
    process.kill()
    process.communicate()
    text = (tmp_path / "events.jsonl").read_text()
    assert text.endswith("\n")
    assert all(json.loads(line) for line in text.splitlines())


@pytest.mark.system
def test_a_second_run_on_the_same_events_file_is_told_and_leaves_it_alone(
    tmp_path: Path, bundle: Path
) -> None:
    events = tmp_path / "events.jsonl"
    process = started(events, bundle)
    try:
        second = merits("analyze", CONVERSATION, "--bundle", bundle, "--asr", "none", "--events", events)
        assert (second.returncode, "another run" in one_line(second)) == (2, True)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    lines = [json.loads(line) for line in events.read_text().splitlines()]
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))


def test_the_version_is_printed() -> None:
    done = merits("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"merits {VERSION}\n", "")


def test_without_a_command_there_is_help_alone() -> None:
    done = merits()
    assert (done.returncode, done.stderr) == (2, "")
    assert "analyze" in done.stdout


@pytest.mark.parametrize(
    "arguments", [["-v", "schema"], ["--verbose", "schema"], ["--log-level", "info", "schema"]]
)
def test_options_before_the_command(arguments: list[str]) -> None:
    done = merits(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == event_schema()


INTERRUPTED_WHILE_IMPORTING = """
import os, signal, sys
from streamer.__main__ import main
seen, nth = [], int(sys.argv.pop(1))

def count(event, arguments):
    if event == "import" and (seen or arguments[0] == "streamer.cli.app"):
        seen.append(arguments[0])
        if len(seen) == nth:
            os.kill(os.getpid(), signal.SIGINT)

sys.addaudithook(count)
main()
"""


@pytest.mark.system
@pytest.mark.parametrize("nth", [1, 40, 200, 500, 900])
def test_interrupted_while_it_loads_it_leaves_without_a_word(bundle: Path, nth: int) -> None:
    command = ["analyze", str(CONVERSATION), "--bundle", str(bundle), "--asr", "none"]
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_WHILE_IMPORTING, str(nth), *command],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


@pytest.mark.system
def test_with_too_little_memory_it_says_so(bundle: Path) -> None:
    command = f"ulimit -v 2000000; {MERITS} analyze {CONVERSATION} --bundle {bundle} --asr none"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert "ulimit -v" in one_line(done)


@pytest.mark.parametrize("command", [["schema"], ["--version"], ["replay", EVENTS, "--pace", "fast"]])
def test_a_full_standard_output_is_one_line(command: list[object]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [MERITS, *map(str, command)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    [line] = done.stderr.splitlines()
    assert "No space left on device" in line
    assert done.returncode == 1


@pytest.mark.parametrize("command", [["schema"], ["replay", EVENTS, "--pace", "fast"]])
def test_a_reader_who_reads_nothing_is_no_error(command: list[object]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [MERITS, *map(str, command)],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.system
def test_the_events_file_is_whole_where_the_lines_are_read_no_further(tmp_path: Path, bundle: Path) -> None:
    events = tmp_path / "events.jsonl"
    command = f"{MERITS} analyze {CONVERSATION} --bundle {bundle} --asr none --events {events} | head -n 1"
    done = subprocess.run(
        ["bash", "-c", f"{command}; echo ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.stdout.splitlines()[1], done.stderr) == ("0", "")
    lines = [json.loads(line) for line in events.read_text().splitlines()]
    assert sum(line["type"] == "turn.final" for line in lines) == len(truth())
    assert (lines[-1]["type"], lines[-1]["reason"]) == ("session.ended", "end of input")


@pytest.mark.system
@pytest.mark.parametrize(
    "word", ["no\x1b]0;TITLE\x07such.wav", "mqtt://bob:hunter22@127.0.0.1", "mqtt:/a:hunter22@b"]
)
def test_nothing_that_a_terminal_obeys_and_no_password_is_told(tmp_path: Path, word: str) -> None:
    for command in (["analyze", word], ["export", word], ["replay", word], ["doctor", "--asr", word], [word]):
        done = merits(*command, cwd=tmp_path)
        told = done.stdout + done.stderr
        assert told.replace("\n", "").isprintable()
        assert "hunter22" not in told


@pytest.mark.system
def test_a_reader_who_has_read_enough_is_no_error(bundle: Path) -> None:
    command = f"{MERITS} analyze {CONVERSATION} --bundle {bundle} --asr none --events - | head -n 2"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert len(done.stdout.splitlines()) == 2
    assert done.stderr == ""


@pytest.mark.system
def test_a_file_that_is_not_there_keeps_none_of_the_others_from_being_analyzed(
    tmp_path: Path, bundle: Path
) -> None:
    (tmp_path / "text.wav").write_text("This is no sound at all.\n" * 50)
    files = ["missing.wav", CONVERSATION, tmp_path / "text.wav", CONVERSATION]
    done = merits(
        "analyze", *files, "--bundle", bundle, "--asr", "none", "--events", "events.jsonl", cwd=tmp_path
    )
    assert done.returncode == 2
    assert [
        name in line for name, line in zip(("missing.wav", "text.wav"), done.stderr.splitlines(), strict=True)
    ]
    lines = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert [line["reason"] for line in lines if line["type"] == "session.ended"] == ["end of input"] * 2


@pytest.mark.system
def test_several_files_are_sessions_in_one_file(tmp_path: Path, bundle: Path) -> None:
    events = tmp_path / "events.jsonl"
    done = merits(
        "analyze", CONVERSATION, CONVERSATION, "--bundle", bundle, "--asr", "none", "--events", events
    )
    assert done.returncode == 0
    lines = [json.loads(line) for line in events.read_text().splitlines()]
    sessions = list(dict.fromkeys(line["session"] for line in lines))
    assert len(sessions) == 2
    for session in sessions:
        numbers = [line["seq"] for line in lines if line["session"] == session]
        assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.system
def test_doctor_says_what_works_and_what_does_not(bundle: Path) -> None:
    done = merits("doctor", "--bundle", bundle, "--asr", "auto")
    assert done.returncode == 0
    assert "tiny@1" in done.stdout
    assert "by words and voice" in done.stdout
    assert "faster-whisper:tiny.en" in done.stdout
    done = merits("doctor", "--bundle", bundle, "--asr", "none", "--mqtt", "mqtt://127.0.0.1:1")
    assert done.returncode == 1
    assert "no connection to mqtt://127.0.0.1:1" in done.stdout


def test_devices_answers(tmp_path: Path) -> None:
    done = merits("devices")
    assert done.returncode == 0 or (done.returncode == 2 and "libportaudio2" in one_line(done))
