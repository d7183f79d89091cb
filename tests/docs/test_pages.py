"""All pages together: links lead somewhere, commands can be parsed, all is found from the README."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from pydantic import BaseModel

from offline_train.app import app as train
from streamer.cli.app import app as live
from streamer.events import parse_event
from streamer.settings.settings import Settings
from tests.docs.guide import DOCS, ROOT, blocks, text

PAGES = [*ROOT.glob("*.md"), *DOCS.glob("*.md"), *ROOT.glob("examples/*/*.md")]
PROGRAMS = {"merits": typer.main.get_command(live), "merits-train": typer.main.get_command(train)}


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def anchors(page: Path) -> set[str]:
    """What its headings are called in addresses, and what is named for it."""
    prose = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    named = re.findall(r'<a (?:id|name)="([^"]+)"', prose)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings} | set(named)


def links(page: Path) -> list[str]:
    """To other files here, and within itself."""
    return re.findall(r"\]\((?!https?:)([^)\s]+)\)", page.read_text("utf-8"))


def commands(page: Path) -> list[list[str]]:
    """Every command of ours that a block shows: its words, up to where the shell takes over."""
    found = []
    markdown = page.read_text("utf-8")
    for block in (block for kind in ("sh", "console", "bash") for block in blocks(markdown, kind)):
        for line in block.replace("\\\n", " ").splitlines():
            lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
            lexer.whitespace_split = True
            words: list[str] = []
            for word in [*lexer, ";"]:
                if word[0] in ";|&<>()":
                    found += [words] if words and words[0] in PROGRAMS else []
                    words = []
                else:
                    words.append(word)
    return found


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        file, _, anchor = link.partition("#")
        target = page.parent / file if file else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_commands_can_be_parsed(page: Path) -> None:
    for program, name, *arguments in commands(page):
        group = PROGRAMS[program]
        command = group.commands[name]  # type: ignore[attr-defined]
        while arguments and arguments[0] in getattr(command, "commands", ()):
            command = command.commands[arguments.pop(0)]
        command.make_context(name, list(arguments))


def test_there_are_commands_to_be_parsed() -> None:
    assert sum(len(commands(page)) for page in PAGES) > 60
    assert ["merits", "doctor"] in commands(ROOT / "README.md")


def settings(kind: type[BaseModel] = Settings, prefix: str = "MERITS_") -> Iterator[str]:
    """What they are called in the environment."""
    for name, field in kind.model_fields.items():
        yield (variable := prefix + name.upper())
        if isinstance(field.default, BaseModel):
            yield from settings(type(field.default), variable + "__")


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_the_settings_named_are_settings(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    variables = re.findall(r"\b(MERITS_[A-Z_]*[A-Z])(?:=([\w.:/-]+))?", page.read_text("utf-8"))
    known = {*settings(), "MERITS_TOKEN"}  # a secret, which is no setting
    for variable, value in variables:
        assert variable in known
        if value:
            with monkeypatch.context() as environment:
                environment.setenv(variable, value)
                Settings()


def test_every_page_is_found_from_the_readme() -> None:
    linked = {link.partition("#")[0] for link in links(ROOT / "README.md")}
    pages = {f"docs/{file.name}" for file in DOCS.iterdir() if file.is_file()}
    assert pages <= linked


def test_the_readme_begins_with_the_thing_itself() -> None:
    """One screen: what it is, a picture, and the commands that show it."""
    screen = (ROOT / "README.md").read_text("utf-8").partition("\n## ")[0]
    assert len(screen.splitlines()) <= 30
    assert "docs/figures/live-80x24.svg" in screen
    assert "merits listen" in blocks(screen, "sh")[0]


def test_the_event_shown_is_one() -> None:
    [shown] = blocks(text("use"), "json")
    assert parse_event(json.dumps(json.loads(shown))).type == "turn.final"
