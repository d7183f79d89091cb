"""A guide of docs/: its commands, and the shell that runs them as they are written."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PATIENCE_S = 200


def text(guide: str) -> str:
    """What `docs/GUIDE.md` says."""
    return (DOCS / f"{guide}.md").read_text("utf-8")


def commands(guide: str) -> list[str]:
    """Its blocks of commands to be run, one after the other; what else is shown is in other blocks."""
    return blocks(text(guide), "sh")


def blocks(markdown: str, language: str) -> list[str]:
    """The fenced blocks of a language ("" for those of none), in lists, too."""
    found = re.findall(r"^( *)```(\w*)\n(.*?)^\1```$", markdown, re.DOTALL | re.MULTILINE)
    wanted = ((indent, block) for indent, kind, block in found if kind == language)
    return [re.sub(f"^{indent}", "", block, flags=re.MULTILINE) for indent, block in wanted]


class Shell:
    """Where a reader of a guide stands.

    Args:
        folder: to begin in.
        settings: environment variables: what the guide's commands leave open, set so that they are done soon.
    """

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        self.folder = folder
        programs = Path(sys.executable).parent
        self.environment = {**os.environ, **settings, "PATH": f"{programs}:{os.environ['PATH']}"}

    def run(self, block: str) -> str:
        """Run commands in bash as they are written, none of which may fail; returns what they print."""
        process = self.start(block)
        out, err = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, f"{block}{err}"
        return out

    def start(self, block: str) -> "subprocess.Popen[str]":
        """Begin with what goes on until it is told to end, in a process group as a terminal makes."""
        return subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", block],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
