"""What the page quotes is what the program says: every line is looked for in its sources."""

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest

from tests.docs.guide import ROOT, blocks, text

FEWEST = 12
"""Letters that a message has of its own, beside what is put into it."""

QUOTED = [line for block in blocks(text("troubleshooting"), "text") for line in block.splitlines()]


def pattern(node: ast.AST) -> str | None:
    """A regular expression for what a string in the source may become; None for what is no string."""
    match node:
        case ast.Constant(value=str(said)):
            return re.sub("%[sdr]", "(.+?)", re.escape(said).replace("\\%", "%"))
        case ast.JoinedStr(values=parts):
            return "".join(pattern(part) or "(.+?)" for part in parts)
        case ast.BinOp(left=left, op=ast.Add(), right=right):  # of a string and, say, a list's elements
            sides = pattern(left), pattern(right)
            return None if sides == (None, None) else "".join(side or "(.+?)" for side in sides)
    return None


@cache
def messages() -> list[re.Pattern[str]]:
    """All that the program can say."""
    found = set()
    for package in ("streamer", "models"):
        for file in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                said = pattern(node)
                if said and len(said.replace("(.+?)", "")) >= FEWEST:
                    found.add(said)
    return [re.compile(said) for said in sorted(found)]


def page() -> Iterator[str]:
    """What the web page can say."""
    for file in (ROOT / "web" / "src").glob("*.ts*"):
        yield re.sub(r'" \+\s+"', "", file.read_text("utf-8"))


def is_said(line: str) -> bool:
    """Whether the program can say this; and what is put into a message, where it is a sentence, too."""
    return any(
        all(len(part.split()) < 6 or is_said(part) for part in found.groups())
        for message in messages()
        if (found := message.fullmatch(line))
    )


@pytest.mark.parametrize("line", QUOTED)
def test_what_is_quoted_is_said(line: str) -> None:
    said = line.removeprefix("merits: ").removeprefix("degraded: ")
    assert is_said(said) or any(said in source for source in page())


def test_what_is_not_said_is_noticed() -> None:
    assert len(QUOTED) > 20
    assert not is_said("no microphone found: plug one in, or buy one")
    assert not is_said("the weights of the Whisper model small.en are away on a holiday")
