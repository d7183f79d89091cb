"""The command line of a benchmark: its options, figures for people, and JSON with the machine they are of."""

import argparse
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.machine import describe_machine, write_result

Show = Callable[[dict[str, Any], Console], None]


def parser(doc: str | None) -> argparse.ArgumentParser:
    """A parser with `--json`, to which a benchmark adds its options; its help is the docstring."""
    made = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawTextHelpFormatter)
    made.add_argument("--json", metavar="OUT", help='file for the result, "-" for stdout alone')
    return made


def need(folder: Path) -> None:
    """End with exit code 2 where the folder to measure on is missing."""
    if not folder.is_dir():
        place = "/".join(folder.parts[folder.parts.index("shared") :])
        print(f"no ../{place} beside the repository: nothing to measure on", file=sys.stderr)
        sys.exit(2)


def report(name: str, result: dict[str, Any], out: str | None, show: Show) -> None:
    """Show a result, unless standard output is for the JSON; write that, where it was asked for.

    Args:
        name: of the benchmark.
        result: what was measured.
        out: what was given as `--json`.
        show: prints it for people.
    """
    if out != "-":
        show(result, Console())
    if out:
        command = shlex.join(["python", "-m", f"benchmarks.{name}", *sys.argv[1:]])
        write_result({"command": command, "machine": describe_machine(), **result}, out)
