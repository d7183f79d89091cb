"""Every benchmark explains itself."""

import importlib
import sys

import pytest

from benchmarks.page.sections import SECTIONS, Section


@pytest.mark.parametrize(
    "name",
    sorted(
        {section.module or section.name for section in SECTIONS} | {"tables", "training_cost", "installable"}
    ),
)
def test_help_teaches(name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    module = importlib.import_module(f"benchmarks.{name}")
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    with pytest.raises(SystemExit) as ended:
        module.main()
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert f"python -m benchmarks.{name}" in said
    assert name == "tables" or '"-" for' in said


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.name)
def test_the_command_on_the_page_is_understood(
    section: Section, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = section.command.split()
    module = importlib.import_module(command[2])
    monkeypatch.setattr(sys, "argv", [command[2], *command[3:], "--help"])
    with pytest.raises(SystemExit) as ended:
        module.main()
    assert ended.value.code == 0
    assert not capsys.readouterr().err
