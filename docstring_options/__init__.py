"""Commands whose options are described by docstrings, and may be grouped in dataclasses: for both programs.

Typer by itself takes single parameters, each with its help in its annotation.
"""

import re
from collections.abc import Callable
from copy import copy
from dataclasses import MISSING, fields, is_dataclass
from functools import wraps
from inspect import Parameter, Signature, cleandoc, signature
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import typer
from typer.models import ParameterInfo


def documented(command: Callable[..., None]) -> Callable[..., None]:
    """A command for typer: its "Args" describe its options; a dataclass among them is an option a field.

    Args:
        command: a dataclass' "Attributes" describe its fields, and its `panel` is their heading in the help.
            An annotation may have a `typer.Option`, whose help holds where a docstring has none. A `bool` is
            a flag that can only be set.
    """
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, Any] = {name: kind for name, kind in hints.items() if is_dataclass(kind)}
    doc = cleandoc(command.__doc__ or "")
    parameters: list[Parameter] = []
    for name, parameter in signature(command).parameters.items():
        if name not in groups:
            parameters.append(_option(name, hints[name], parameter.default, doc))
            continue
        kind, types = groups[name], get_type_hints(groups[name], include_extras=True)
        for field in fields(kind):
            default = Parameter.empty if field.default is MISSING else field.default
            docs = "\n".join(cleandoc(each.__doc__ or "") for each in kind.__mro__)
            parameters.append(_option(field.name, types[field.name], default, docs, kind))

    @wraps(command)
    def run(**given: Any) -> None:
        for name, kind in groups.items():
            names = {field.name for field in fields(kind)} & given.keys()
            given[name] = kind(**{field: given.pop(field) for field in names})
        command(**given)

    run.__doc__ = re.sub(r"(?<=\S)\n(?=\S)", " ", doc.partition("\nArgs:\n")[0])  # examples are indented
    run.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    return run


def _option(name: str, annotation: Any, default: Any, doc: str, group: Any = None) -> Parameter:
    if annotation is not typer.Context:
        plain, *more = get_args(annotation) if get_origin(annotation) is Annotated else (annotation,)
        names = [f"--{name.replace('_', '-')}"] if plain is bool else []
        option = copy(next((each for each in more if isinstance(each, ParameterInfo)), typer.Option(*names)))
        if found := re.search(rf"^ {{4}}{name}: (.+(?:\n {{8}}.+)*)", doc, re.MULTILINE):
            option.help = re.sub(r"\[(?=[a-z])", r"\[", " ".join(found[1].split()))  # no style of rich
        option.rich_help_panel = getattr(group, "panel", None)
        annotation = Annotated[plain, option]
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
