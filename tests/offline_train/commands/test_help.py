"""What `merits-train COMMAND --help` says."""

from collections.abc import Iterator
from typing import Any

import pytest
import typer

from offline_train.app import app


def commands(command: Any, name: str = "merits-train") -> Iterator[tuple[str, Any]]:
    for each, child in getattr(command, "commands", {}).items():
        yield from commands(child, f"{name} {each}")
    if not hasattr(command, "commands") and not command.hidden:
        yield name, command


COMMANDS = dict(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_described(name: str) -> None:
    options = [option for option in COMMANDS[name].params if option.name != "help" and not option.hidden]
    assert options
    for option in options:
        assert option.help, option.name
        assert option.help[0].isupper() or option.help.split()[0].endswith(":"), option.help


@pytest.mark.parametrize("name", COMMANDS)
def test_an_example_is_a_line_of_the_command(name: str) -> None:
    lines = [line for line in COMMANDS[name].help.splitlines() if line.startswith(f"{name} ")]
    assert lines
    for line in lines:
        COMMANDS[name].make_context(name, line.removeprefix(name).split())


def test_sections_of_a_docstring_are_no_help() -> None:
    for name, command in COMMANDS.items():
        assert "Args:" not in command.help, name
