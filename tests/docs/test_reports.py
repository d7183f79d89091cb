"""Every command of docs/reports.md, run as it is written."""

import io
import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from streamer.app import app
from streamer.reports.formats import Format
from tests.streamer.sound import CONVERSATION
from tests.tiny import make_bundle

GUIDE = (Path(__file__).parents[3] / "docs" / "reports.md").read_text("utf-8")


def commands() -> list[list[str]]:
    blocks = re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL)
    return [shlex.split(line, comments=True) for line in "".join(blocks).splitlines()]


def test_the_guide_runs_as_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    (tmp_path / "samples").mkdir()
    shutil.copy(CONVERSATION, tmp_path / "samples")
    monkeypatch.chdir(tmp_path)
    # A quick model and no recogniser: what they find is not the guide's matter.
    monkeypatch.setenv("MERITS_BUNDLE", str(make_bundle(tmp_path / "bundle")))
    monkeypatch.setenv("MERITS_ASR", "none")
    for program, *arguments in commands():
        assert program == "merits"
        if "<" in arguments:
            at = arguments.index("<")
            content = Path(arguments[at + 1]).read_bytes()
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
            del arguments[at : at + 2]
        app(arguments, standalone_mode=False)
    printed = capfdbinary.readouterr().out
    assert b"WEBVTT" in printed
    assert b"session,stream,turn" in printed
    made = {path.name for path in tmp_path.iterdir()} - {"samples", "bundle"}
    assert made == {
        "conversation.jsonl",
        "conversation.html",
        "conversation.srt",
        "talk.eaf",
        "talk.csv",
        "talk.rttm",
        "first.csv",
    }
    assert b"data:audio/webm" in Path("conversation.html").read_bytes()


def test_the_guide_knows_every_format() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", GUIDE, re.MULTILINE)) == set(Format)
