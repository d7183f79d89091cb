"""`--log` and `--log-level`, options of every command of `merits`."""

import os
from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
import typer.main
from typer.core import TyperGroup

from streamer import logs

if TYPE_CHECKING:
    from streamer.settings.settings import Settings


class Format(StrEnum):
    """Format of the log."""

    TEXT = "text"
    JSON = "json"


class Level(StrEnum):
    """Lowest level that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


_chosen: dict[str, Any] = {}


def begin(arguments: Sequence[str]) -> None:
    """Set up the log before the arguments are parsed: errors in them are logged in the same format."""
    _chosen.clear()
    words = [*arguments, ""]
    asked = any(word == "--log=json" or words[i : i + 2] == ["--log", "json"] for i, word in enumerate(words))
    logs.configure("json" if asked or os.environ.get("MERITS_LOG") == "json" else "text")
    logs.hide(os.environ.get("MERITS_TOKEN"))
    logs.hide_those_of_urls(
        *arguments, *(value for name, value in os.environ.items() if name.startswith("MERITS_"))
    )


def choose(form: Format | None = None, level: Level | None = None) -> None:
    """Change format or level of the log; None leaves the earlier choice."""
    given = {"form": form and form.value, "level": level and level.value}
    _chosen.update({name: value for name, value in given.items() if value is not None})
    logs.configure(**_chosen)


def settle(settings: "Settings") -> None:
    """Apply the settings' format and level, unless options chose others."""
    logs.configure(**{"form": settings.log, "level": settings.log_level, **_chosen})


def is_level_chosen() -> bool:
    """Whether an option chose a level."""
    return "level" in _chosen


def _choose_format(form: Format | None) -> Format | None:
    if form is not None:
        choose(form=form)
    return form


def _choose_level(level: Level | None) -> Level | None:
    if level is not None:
        choose(level=level)
    return level


Log = Annotated[
    Format | None,
    typer.Option(
        "--log",
        metavar="FORMAT",
        help="Format of the log on standard error: text (lines to read) or json (one object a line). "
        r"\[env: MERITS_LOG; default: text]",
        rich_help_panel="Logging",
        callback=_choose_format,
    ),
]
LogLevel = Annotated[
    Level | None,
    typer.Option(
        "--log-level",
        metavar="LEVEL",
        help="Lowest level that is logged: debug, info, warning or error. "
        r"\[env: MERITS_LOG_LEVEL; default: warning]",
        rich_help_panel="Logging",
        callback=_choose_level,
    ),
]


class LoggingGroup(TyperGroup):
    """A group whose commands all take `--log` and `--log-level`."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command, with both options added."""
        command = super().get_command(ctx, cmd_name)
        if command is not None:
            _give_options(command)
        return command


def _give_options(command: Any) -> None:
    for inner in getattr(command, "commands", {}).values():
        _give_options(inner)
    if all(parameter.name != "log" for parameter in command.params):
        command.params += _options()


def _options() -> list[Any]:
    """The options, for a command whose function does not take them as parameters."""
    alone = typer.Typer(add_completion=False)

    @alone.command()
    def take(log: Log = None, log_level: LogLevel = None) -> None:
        del log, log_level

    options: list[Any] = [option for option in typer.main.get_command(alone).params if option.name != "help"]
    for option in options:
        option.expose_value = False
    return options
