"""What `merits COMMAND --help` says."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic import BaseModel

from streamer.cli.app import app
from streamer.settings.settings import Settings
from tests.docs.guide import ROOT
from tests.tiny import make_bundle

PROGRAM: Any = typer.main.get_command(app)
BIN = str(Path(sys.executable).parent)


def commands(command: Any, name: str = "merits") -> Iterator[tuple[str, Any]]:
    yield name, command
    for each in getattr(command, "commands", {}):
        yield from commands(command.get_command(None, each), f"{name} {each}")


COMMANDS = dict(commands(PROGRAM))
EXAMPLES = [
    (name, line.strip())
    for name, command in COMMANDS.items()
    for line in f"{command.help}\n{command.epilog}".splitlines()
    if line.startswith("    merits ")
]
RUNNABLE = [
    "merits analyze samples/conversation.flac --asr none --events call.jsonl",
    "merits doctor",
    "merits export samples/conversation.jsonl --out talk.srt --out talk.csv",
    "merits export samples/conversation.jsonl --to vtt",
    "merits models --no-speed",
    "merits mqtt asyncapi > merits.yaml",
    "merits mqtt set-aside list",
    "merits mqtt set-aside retry",
    "merits replay samples/conversation.jsonl --pace fast",
    "merits replay samples/conversation.jsonl --screenshot view.svg",
    "merits schema > events.schema.json",
]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_described_in_a_sentence(name: str) -> None:
    for option in COMMANDS[name].params:
        if option.name != "help":
            assert re.match(r"[A-Z].*\w.*[.\])]$", option.help or ""), (option.name, option.help)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_variables_and_defaults_that_it_names_are_the_settings(name: str) -> None:
    for option in COMMANDS[name].params:
        for variable, default in re.findall(
            r"\[env: MERITS_(\w+).*?(?:; default: (.*))?\]", option.help or ""
        ):
            *groups, field = variable.lower().split("__")
            kind = reduce(lambda kind, group: type(kind.model_fields[group].default), groups, Settings)
            assert issubclass(kind, BaseModel)
            value = kind.model_fields[field].default
            words = {None: "no", (): "none", True: field}.get(value, str(value))
            assert not default or default.startswith(words.removesuffix(".0")), option.name


@pytest.mark.parametrize("name", COMMANDS)
def test_it_has_examples(name: str) -> None:
    assert len([line for of, line in EXAMPLES if of == name]) >= 2


@pytest.mark.parametrize("line", sorted({line for _, line in EXAMPLES}))
def test_an_example_is_a_line_of_the_program(line: str) -> None:
    _, *arguments = shlex.split(line.partition(" > ")[0])
    command = PROGRAM
    while arguments and hasattr(command, "commands"):
        command = command.get_command(None, arguments.pop(0))
    command.make_context(line, arguments)
    assert len(line) <= 74, "a line of 80 columns has no room for it"


def test_the_examples_that_are_run_are_examples() -> None:
    assert set(RUNNABLE) <= {line for _, line in EXAMPLES}


@pytest.mark.slow
@pytest.mark.parametrize("line", RUNNABLE)
def test_an_example_with_the_samples_works(line: str, tmp_path: Path) -> None:
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    settings = {"MERITS_OUTBOX__PATH": str(tmp_path), "MERITS_ASR": "none"}
    settings["MERITS_BUNDLE"] = str(make_bundle(tmp_path / "bundle"))
    environment = {**os.environ, **settings, "PATH": f"{BIN}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", line], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("name", COMMANDS)
def test_no_line_is_torn(
    name: str, columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    app([*name.split()[1:], "--help"], standalone_mode=False)
    check(name, re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out), columns)


@pytest.mark.parametrize("look", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"FORCE_COLOR": "1"}])
def test_colours_are_the_terminals(look: dict[str, str]) -> None:
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    environment = {**kept, "TERM": "xterm", "COLUMNS": "80", **look}
    command = [f"{BIN}/merits", "analyze", "--help"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert ("\x1b" in done.stdout) == ("FORCE_COLOR" in look)
    check("merits analyze", re.sub(r"\x1b\[[\d;]*m", "", done.stdout), 80)


def check(name: str, shown: str, columns: int) -> None:
    """That nothing is cut off, and every example is whole."""
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) <= columns
    assert all(line in shown for of, line in EXAMPLES if of == name)
