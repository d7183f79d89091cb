"""Lines as they were typed in the release before: sub-commands as values of an option, a benchmark as one."""

import shlex
import sys
from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperGroup

from offline_train.errors import UsageError

ANYTHING = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
"""Settings of a command that only says how it is typed now."""


def formerly(
    option: str, choose: Callable[[str, set[str]], str] = lambda value, _: value
) -> type[TyperGroup]:
    """A group of commands that still takes such lines, and says how they are typed now.

    Args:
        option: whose values the sub-commands were.
        choose: the sub-command, by the option's value ("" where it is not given) and the names of the others.
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
    """A benchmark now."""
    line = shlex.join(["python", "-m", "benchmarks.training_cost", *context.args])
    raise UsageError(f"dry-run is a benchmark now: in a checkout of the sources, {line}")
