"""`merits replay`, as it is called."""

import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from streamer.cli.app import main
from tests.streamer.outputs.samples import Sample


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Two sessions, of which the second was cut off."""
    monkeypatch.chdir(tmp_path)
    lines = []
    for stream in ("kitchen", "hall"):
        sample = Sample(stream)
        events = [
            sample.started(),
            sample.turn_started(1),
            sample.final(1),
            sample.mark(4.2),
            sample.revised(1),
        ]
        events += [sample.final(2, "joy", text="<b>\x1b[2J&"), sample.ended(turns=2)]
        lines += [f"{event.model_dump_json()}\n" for event in events]
    Path("events.jsonl").write_text("".join(lines)[:-30])
    return "events.jsonl"


def merits(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["merits", *arguments])
    with pytest.raises(SystemExit) as exit_:
        main()
    return int(exit_.value.code or 0)


def test_lines_are_printed_where_there_is_no_terminal(
    file: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert merits(monkeypatch, "replay", file, "--pace", "fast") == 0
    printed = capfd.readouterr().out.splitlines()
    assert printed[1].endswith("◆ anger    80%  I can't believe you did that!")
    assert len(printed) == 6 + 5
    assert "events.jsonl: passed over 1 line (line 14, the last, is cut short)" in caplog.text


def test_events_are_written_as_they_were(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert merits(monkeypatch, "replay", file, "--pace", "fast", "--events", "again.jsonl") == 0
    whole = Path(file).read_text().splitlines()[:-1]
    assert Path("again.jsonl").read_text().splitlines() == whole


def test_words_are_kept_back(
    file: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert merits(monkeypatch, "replay", file, "--pace", "fast", "--no-text", "--events", "-") == 0
    assert "believe" not in capfd.readouterr().out


def test_a_screenshot_is_the_same_every_time_and_fetches_nothing(
    file: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    pictures = []
    for name in ("one.svg", "two.svg"):
        assert merits(monkeypatch, "replay", file, file, "--screenshot", name, "--size", "90x26") == 0
        assert capfd.readouterr().out == f"{name}\n"
        pictures.append(Path(name).read_text(encoding="utf-8"))
    assert pictures[0] == pictures[1]
    assert "url(http" not in pictures[0]
    assert "@font-face" not in pictures[0]
    shown = "".join(ElementTree.fromstring(pictures[0]).itertext())
    assert "▲\N{NO-BREAK SPACE}joy" in shown
    assert "\x1b" not in shown
    assert "<b>\N{NO-BREAK SPACE}[2J&" in shown


def test_a_screenshot_of_a_moment(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert merits(monkeypatch, "replay", file, "--screenshot", "at.svg", "--at", "3.5") == 0
    shown = "".join(ElementTree.fromstring(Path("at.svg").read_text(encoding="utf-8")).itertext())
    assert "speaking" in shown
    assert "0:03" in shown
    assert "believe" not in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing.jsonl"], "cannot read nothing.jsonl: No such file or directory"),
        (["."], "is a folder"),
        (["events.jsonl", "--pace", "slow"], "give realtime, fast, or a number above 0"),
        (["events.jsonl", "--pace", "-1"], "give realtime, fast, or a number above 0"),
        (["events.jsonl", "--pace", "nan"], "give realtime, fast, or a number above 0"),
        (["events.jsonl", "--screenshot", "a.svg", "--size", "big"], "give columns x rows"),
        (["events.jsonl", "--screenshot", "a.svg", "--size", "5x5"], "give columns x rows"),
        (["events.jsonl", "--screenshot", "no/a.svg"], "cannot write no/a.svg: No such file or directory"),
        (["events.jsonl", "--at", "3"], "--at is for --screenshot"),
        (["-", "-"], "standard input can be read once only"),
        (["events.jsonl", "--events", "events.jsonl"], "events.jsonl is"),
    ],
)
def test_bad_usage_is_said_in_one_line_before_anything_is_done(
    file: str,
    arguments: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    before = Path(file).read_bytes()
    assert merits(monkeypatch, "replay", *arguments) == 2
    printed = capfd.readouterr()
    assert said in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""
    assert Path(file).read_bytes() == before


def test_a_reader_of_lines_who_has_read_enough_is_no_error(file: str) -> None:
    command = [str(Path(sys.executable).parent / "merits"), "replay", file, "--pace", "fast", "--no-view"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert (process.wait(timeout=120), process.stderr.read()) == (0, b"")
    process.stderr.close()
