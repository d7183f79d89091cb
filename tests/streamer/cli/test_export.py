"""`merits export` as it is met on the command line."""

import stat
import subprocess
import sys
import wave
from pathlib import Path

import pytest

from streamer.cli import app as command_line
from tests.streamer.reports.sessions import call, on_standard_input, strange, write

FORMATS = ["srt", "vtt", "rttm", "csv", "emotionml", "audacity", "eaf", "html"]


@pytest.fixture
def events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write(tmp_path / "call.jsonl", call())


def merits(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """Run the command line in this process: its exit code."""
    monkeypatch.setattr(sys, "argv", ["merits", *map(str, arguments)])
    with pytest.raises(SystemExit) as raised:
        command_line.main()
    return int(raised.value.code or 0)


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("option", ["--to", "--format"])
def test_every_format_goes_to_standard_output_and_nothing_else_does(
    events: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
    format_: str,
    option: str,
) -> None:
    assert merits(monkeypatch, "export", events, option, format_) == 0
    printed = capfdbinary.readouterr()
    assert printed.err == b""
    assert b"agent" in printed.out
    with on_standard_input(events):
        assert merits(monkeypatch, "export", "-", option, format_, "--out", "-") == 0
    assert capfdbinary.readouterr().out == printed.out


def test_endings_say_which_format_and_several_files_are_written_at_once(
    events: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    names = ["a.srt", "a.VTT", "a.rttm", "a.csv", "a.emotionml", "a.xml", "a.txt", "a.eaf", "a.html", "a.htm"]
    assert merits(monkeypatch, "export", events, *(f"--out={name}" for name in names)) == 0
    said = capfd.readouterr()
    assert [line.split(":")[0] for line in said.out.splitlines()] == names
    assert "4 turns" in said.out
    assert said.err == ""
    assert Path("a.xml").read_bytes() == Path("a.emotionml").read_bytes()
    assert Path("a.txt").read_text().startswith("0.500000\t")
    assert sorted(path.name for path in Path().iterdir()) == sorted([*names, "call.jsonl"])


def test_files_are_replaced_whole_or_not_at_all(
    events: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    Path("old.srt").write_text("old")
    Path("old.srt").chmod(0o640)
    Path("link.srt").symlink_to("old.srt")
    assert merits(monkeypatch, "export", events, "--out", "link.srt") == 0
    assert Path("link.srt").is_symlink()
    assert Path("old.srt").read_text().startswith("1\n")
    assert stat.S_IMODE(Path("old.srt").stat().st_mode) == 0o640
    assert merits(monkeypatch, "export", events, "--out", "/dev/full", "--to", "srt") == 1
    assert capfd.readouterr().err == (
        "merits: cannot write /dev/full: No space left on device; make room or choose another place\n"
    )
    assert sorted(path.name for path in Path().iterdir()) == ["call.jsonl", "link.srt", "old.srt"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["missing.jsonl", "--to", "srt"],
            "cannot read missing.jsonl: No such file or directory; give a file",
        ),
        (["call.jsonl"], "which format is - to be? Give --to srt|vtt|"),
        (["call.jsonl", "--out", "a.docx"], "which format is a.docx to be?"),
        (["call.jsonl", "--to", "docx"], "'docx' is not one of"),
        (["call.jsonl", "--out", "no/where.srt"], "there is no folder no"),
        (["call.jsonl", "--to", "csv", "--out", "."], "is a folder"),
        (["call.jsonl", "--to", "srt", "--out", "call.jsonl"], "is what is exported"),
        (["call.jsonl", "--out", "a.srt", "--audio", "a.wav"], "--audio is of no use to srt"),
        (["call.jsonl", "--out", "a.html", "--audio", "a.wav"], "a.wav: no such file"),
        (["call.jsonl", "--out", "a.html", "--audio", "call.jsonl"], "is not a recording"),
        (["call.jsonl", "--out", "a.html", "--link-audio"], "--link-audio is for html, with --audio"),
        (["call.jsonl", "--to", "srt", "--session", "7"], "no session '7': choose --session 1 (call)"),
        (["both.jsonl", "--to", "srt"], "holds 2 sessions: choose --session 1 (call), 2 (room 1/<i>"),
        (
            ["broken.jsonl", "--to", "srt"],
            "broken.jsonl holds no events; give a file that was written by --events (line 1 is no JSON",
        ),
    ],
)
def test_errors_are_one_line_that_says_what_to_do_and_write_nothing(
    events: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    write(Path("both.jsonl"), [*call(), *strange()])
    Path("broken.jsonl").write_text("{oh\n{}\n")
    before = {path: path.read_bytes() for path in Path().iterdir()}
    assert merits(monkeypatch, "export", *arguments) == 2
    printed = capfd.readouterr()
    assert printed.out == ""
    [line] = printed.err.splitlines()
    assert line.startswith("merits: ")
    assert message in line
    assert {path: path.read_bytes() for path in Path().iterdir()} == before


def test_a_session_is_chosen_and_tables_take_all(
    events: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    write(Path("both.jsonl"), [*call("a"), *call("b")])
    assert merits(monkeypatch, "export", "both.jsonl", "--session", "b", "--to", "rttm") == 0
    assert {line.split()[1] for line in capfd.readouterr().out.splitlines()} == {"b"}
    assert merits(monkeypatch, "export", "both.jsonl", "--to", "rttm") == 0
    assert len(capfd.readouterr().out.splitlines()) == 8


def test_a_cut_last_line_is_said_and_the_rest_exported(
    events: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with events.open("a") as file:
        file.write('{"type": "turn.fin')
    assert merits(monkeypatch, "export", events, "--to", "srt") == 0
    printed = capfd.readouterr()
    assert printed.out.count("-->") == 4
    assert "line 10, the last, is cut short" in printed.err


def test_the_first_word_on_a_turn_can_be_asked_for(
    events: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert merits(monkeypatch, "export", events, "--to", "srt", "--first") == 0
    assert "[joy] agent: Good morning" in capfd.readouterr().out


def test_audio_is_carried_by_pages_and_named_by_annotations(
    events: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with wave.open("call.wav", "wb") as file:
        file.setparams((2, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(4 * 8000))
    outs = ["--out", "a.html", "--out", "a.eaf", "--out", "a.emotionml", "--out", "a.srt"]
    assert merits(monkeypatch, "export", events, *outs, "--audio", "call.wav") == 0
    assert 'src="data:audio/webm;codecs=opus;base64,' in Path("a.html").read_text()
    assert Path("call.wav").resolve().as_uri() in Path("a.eaf").read_text()
    assert 'uri="call.wav#t=0.500,2.250"' in Path("a.emotionml").read_text()
    linked = ["--out", "a.html", "--audio", "call.wav", "--link-audio"]
    assert merits(monkeypatch, "export", events, *linked) == 0
    assert 'src="call.wav"' in Path("a.html").read_text()


def test_progress_names_the_recording_as_it_is_called(
    events: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # as on a terminal
    with wave.open("call[red].wav", "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(2 * 8000))
    assert merits(monkeypatch, "export", events, "--out", "a.html", "--audio", "call[red].wav") == 0
    assert "packing call[red].wav" in capfd.readouterr().err


def test_a_real_process_leaves_nothing_behind_when_its_reader_goes(events: Path) -> None:
    merits_ = Path(sys.executable).parent / "merits"
    process = subprocess.Popen(
        [merits_, "export", events, "--to", "html"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert (process.wait(timeout=120), process.stderr.read()) == (0, b"")
    process.stderr.close()
    assert [path.name for path in Path().iterdir()] == ["call.jsonl"]
