"""Accepts command lines of the previous release: sub-commands as values of an option, and dry-run."""

import shlex
import sys
from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperGroup

from offline_train.errors import UsageError

ANYTHING = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
"""Context settings of a command that only reports its replacement."""


def formerly(
    option: str, choose: Callable[[str, set[str]], str] = lambda value, _: value
) -> type[TyperGroup]:
    """A group of commands that accepts such lines, and prints the new form.

    Args:
        option: the option whose values were the sub-commands.
        choose: returns the sub-command for the option's value ("" if missing) and the names of other options.
    """

    class Group(TyperGroup):
        def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
            if args and args[0].startswith("-") and "--help" not in args:
                parts = [part for arg in args for part in arg.split("=", arg.startswith(f"{option}="))]
                at = parts.index(option) if option in parts else len(parts)
                value, rest = "".join(parts[at + 1 : at + 2]), parts[:at] + parts[at + 2 :]
                chosen = choose(value, {part.partition("=")[0] for part in rest})
                if chosen not in self.commands:
                    ctx.fail(f"say which, before the options: {ctx.info_name} {'|'.join(self.commands)}")
                args = [chosen, *rest]
                line = shlex.join(["merits-train", str(ctx.info_name), *args])
                print(f"merits-train: the next release takes this line only as: {line}", file=sys.stderr)
            return super().parse_args(ctx, args)

    return Group


def dry_run(context: typer.Context) -> None:
    """Report that this command became a benchmark."""
    line = shlex.join(["python", "-m", "benchmarks.training_cost", *context.args])
    raise UsageError(f"dry-run is a benchmark now: in a checkout of the sources, {line}")
