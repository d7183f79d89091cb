"""The guide to a model of one's own, from the table in examples/ to a bundle that judges."""

import csv
import json
from pathlib import Path

import pytest

from tests.docs.guide import ROOT, Shell, blocks, commands, text


@pytest.mark.docs
def test_the_commands_run_as_written(tmp_path: Path) -> None:
    for folder in ("examples", "samples"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    shell = Shell(tmp_path, {"MERITS_ASR": "none"})
    table, single, together, used = commands("own-model")
    assert shell.run(table) in blocks(text("own-model"), "")  # as it is shown
    shell.run(single)
    assert "test: weighted F1 with sound" in shell.run(together)
    told = shell.run(used).splitlines()
    assert "conversation.flac: none, mine@1" in told
    assert sum(label in told[-2] for label in ("calm", "glad", "upset")) == 1
    bundle = json.loads((tmp_path / "runs/own/bundle/bundle.json").read_text())
    assert bundle["labels"] == ["calm", "glad", "upset"]
    assert bundle["sentiment"]["upset"]["negative"] == 1
    card = (tmp_path / "runs/own/bundle/README.md").read_text()
    assert all(line in card for line in (single + together).splitlines())


def test_the_table_is_of_the_sample() -> None:
    turns = json.loads((ROOT / "samples" / "conversation.json").read_text())["turns"]
    said = {(turn["speaker"], turn["text"], str(turn["start_s"]), str(turn["end_s"])) for turn in turns}
    with (ROOT / "examples" / "own-data" / "manifest.csv").open(newline="") as file:
        rows = [(row["speaker"], row["text"], row["start"], row["end"]) for row in csv.DictReader(file)]
    assert len(rows) == 12
    assert set(rows) <= said
