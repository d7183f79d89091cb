"""The README says what the files say."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.tables import README, with_figures
from streamer.events import parse_event

TEXT = README.read_text(encoding="utf-8")
BIN = Path(sys.executable).parent


def test_figures_are_those_of_the_result_files() -> None:
    assert with_figures(TEXT) == TEXT


def test_the_event_shown_is_one() -> None:
    [shown] = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
    assert parse_event(json.dumps(json.loads(shown))).type == "turn.final"


def test_every_folder_and_file_named_is_there() -> None:
    for target in re.findall(r"\]\((?!http)([^)]+)\)", TEXT):
        assert (README.parent / target).exists(), target


@pytest.mark.parametrize("program", ["merits", "merits-train"])
def test_every_option_named_is_known(program: str) -> None:
    lines = [line for line in TEXT.splitlines() if line.startswith(f"{program} ")]
    assert lines
    for line in lines:
        command = line.split("#")[0].split()[1]
        help_text = subprocess.run(
            [BIN / program, command, "--help"],
            capture_output=True,
            text=True,
            check=True,
            env={"COLUMNS": "200"},
        ).stdout
        for option in re.findall(r"--[a-z0-9-]+", line.split("#")[0]):
            assert option in help_text, f"{program} {command} has no {option}"
