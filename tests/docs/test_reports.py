"""The guide to reports and exchange formats."""

import re
import shutil
from pathlib import Path

import pytest

from streamer.reports.registry import Format
from tests.docs.guide import Shell, commands, text
from tests.streamer.sound import CONVERSATION
from tests.tiny import make_bundle


@pytest.mark.docs
def test_the_commands_run_as_written(tmp_path: Path) -> None:
    (tmp_path / "samples").mkdir()
    shutil.copy(CONVERSATION, tmp_path / "samples")
    # A quick model and no recogniser: what they find is not the guide's matter.
    shell = Shell(tmp_path, {"MERITS_BUNDLE": str(make_bundle(tmp_path / "bundle")), "MERITS_ASR": "none"})
    printed = "".join(map(shell.run, commands("reports")))
    assert "WEBVTT" in printed
    assert "session,stream,turn" in printed
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
    assert "data:audio/webm" in (tmp_path / "conversation.html").read_text("utf-8")


def test_the_guide_knows_every_format() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", text("reports"), re.MULTILINE)) == set(Format)
