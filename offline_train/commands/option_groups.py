"""Options that several commands share, as dataclasses: typer itself knows single parameters only."""

from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import MISSING, fields, is_dataclass
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Annotated, Any, get_args, get_type_hints


def option_groups(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose parameters that are dataclasses are spelled out, an option a field.

    Args:
        command: its other parameters stay as they are. Fields are annotated as parameters would be, with
            `typer.Option`; a dataclass' `panel` is the heading of its options in the help.
    """
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, Any] = {name: kind for name, kind in hints.items() if is_dataclass(kind)}
    parameters: list[Parameter] = []
    for parameter in signature(command).parameters.values():
        if parameter.name in groups:
            parameters += _fields(groups[parameter.name])
        else:
            parameters.append(parameter.replace(kind=Parameter.KEYWORD_ONLY))

    @wraps(command)
    def run(**given: Any) -> None:
        for name, kind in groups.items():
            names = {field.name for field in fields(kind)} & given.keys()
            given[name] = kind(**{field: given.pop(field) for field in names})
        command(**given)

    run.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    return run


def _fields(kind: Any) -> Iterator[Parameter]:
    hints = get_type_hints(kind, include_extras=True)
    for field in fields(kind):
        plain, option = get_args(hints[field.name])
        option = copy(option)
        option.rich_help_panel = getattr(kind, "panel", None)
        default = Parameter.empty if field.default is MISSING else field.default
        annotation = Annotated[plain, option]  # type: ignore[valid-type]
        yield Parameter(field.name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
