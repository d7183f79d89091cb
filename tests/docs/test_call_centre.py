"""The guide to recorded calls, on two calls that are recorded here."""

import csv
from pathlib import Path

import pytest

from tests.docs.guide import Shell, commands
from tests.docs.stereo import record_call
from tests.tiny import make_bundle

pytestmark = pytest.mark.docs


def test_the_commands_run_as_written(tmp_path: Path) -> None:
    speakers = {"Anna": "agent", "Ben": "customer"}
    said = {
        "monday": record_call(tmp_path / "calls" / "monday.wav", 0, 3),
        "tuesday": record_call(tmp_path / "calls" / "tuesday.wav", 4, 2),
    }
    shell = Shell(tmp_path, {"MERITS_BUNDLE": str(make_bundle(tmp_path / "bundle")), "MERITS_ASR": "none"})
    one, page, all_of_them, table = commands("call-centre")
    told = shell.run(one)
    assert [line.split()[1] for line in told.splitlines()[1:4]] == [speakers[who] for who in said["monday"]]
    shell.run(page)
    first = (tmp_path / "reports" / "monday.html").stat()
    assert "tuesday" in shell.run(all_of_them)
    assert (tmp_path / "reports" / "monday.html").stat() == first  # passed over
    assert "data:audio/webm" in (tmp_path / "reports" / "tuesday.html").read_text("utf-8")
    shell.run(table)
    with (tmp_path / "reports" / "all.csv").open(newline="") as file:
        rows = [(row["stream"], row["speaker"]) for row in csv.DictReader(file)]
    assert rows == [(call, speakers[who]) for call, turns in said.items() for who in turns]
