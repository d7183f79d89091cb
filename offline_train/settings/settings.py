"""Settings of a command: dataclass defaults < preset < YAML file < flags, checked in every layer."""

import json
import types
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from offline_train.errors import UsageError
from offline_train.settings.yaml_files import parse_scalar, parse_yaml

SECTIONS = (
    "pretrain-text",
    "pretrain-care",
    "stage1-text",
    "stage1-speech",
    "stage1-features",
    "stage2",
    "stage3",
)
"""Sections of a preset or a file, one per command."""

T = TypeVar("T")


def presets() -> list[str]:
    """Names of all presets."""
    found = files("offline_train").joinpath("presets").iterdir()
    return sorted(entry.name.removesuffix(".yaml") for entry in found if entry.name.endswith(".yaml"))


def resolve(
    kind: type[T],
    section: str,
    preset: str = "small",
    config: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> T:
    """Settings from all their sources, later ones over earlier ones: defaults, preset, file, overrides.

    Args:
        kind: dataclass of the settings; fields of nested dataclasses may be set one by one.
        section: section of presets and files, one of `SECTIONS`.
        preset: name of a preset.
        config: the user's YAML file, with a mapping per section.
        overrides: values by dotted name ("fit.learning_rate"); a string is parsed as YAML unless the setting
            is a string.

    Raises:
        UsageError: an unknown setting, a value of the wrong type or out of range, or a file that can't be
            read.
    """
    if preset not in presets():
        raise UsageError(f"there is no preset {preset}{_hint(preset, presets())}")
    resolved = _Resolved(kind)
    text = files("offline_train").joinpath("presets", f"{preset}.yaml").read_text(encoding="utf-8")
    resolved.merge(_section(text, f"preset {preset}", section), f"preset {preset}: {section}.")
    if config is not None:
        try:
            text = config.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
            raise UsageError(f"cannot read {config}: {reason}") from None
        resolved.merge(_section(text, str(config), section), f"{config}: {section}.")
    for key, value in (overrides or {}).items():
        resolved.override(key, value)
    return resolved.build(kind)


def _section(text: str, source: str, name: str) -> Mapping[Any, Any]:
    content = parse_yaml(text, source)
    for key in content:
        if key not in SECTIONS:
            raise UsageError(f"{source}: there is no section {key}{_hint(str(key), SECTIONS)}")
    section = content.get(name)
    if section is not None and not isinstance(section, Mapping):
        raise UsageError(f"{source}: {name} must be a mapping of settings, not {json.dumps(section)}")
    return section or {}


class _Resolved:
    """Values as nested dictionaries, and the source of each."""

    def __init__(self, kind: type) -> None:
        self.kind = kind
        self.values = _defaults(kind)
        self.sources: dict[tuple[str, ...], str] = {}

    def merge(self, given: Mapping[Any, Any], source: str, path: tuple[str, ...] = ()) -> None:
        """Override values by a mapping; `source` precedes the key in error messages."""
        for key, value in given.items():
            where = (*path, str(key))
            annotation = self._annotation(where, source)
            if _dataclass_in(annotation) is not None and isinstance(value, Mapping):
                self.merge(value, source, where)
            else:
                self._put(where, value, source)

    def override(self, key: str, value: Any) -> None:
        """Override a value by its dotted name."""
        where = tuple(key.split("."))
        annotation = self._annotation(where, "")
        if isinstance(value, str):
            parsed = parse_scalar(value)
            value = value if parsed is not None and _fits(annotation, value) else parsed
        if _dataclass_in(annotation) is not None and isinstance(value, Mapping):
            self.merge(value, "", where)
        else:
            self._put(where, value, "")

    def build(self, kind: type[T]) -> T:
        """Build the settings, and validate all values."""
        try:
            # JSON's strict mode converts what JSON lacks (tuples, paths), but not the string "3" to a number.
            return TypeAdapter(kind).validate_json(json.dumps(self.values, default=str), strict=True)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = tuple(str(part) for part in first["loc"])
            if first["type"] == "missing":
                beside = where[:-1]
                source = next((s for path, s in self.sources.items() if path[: len(beside)] == beside), "")
                raise UsageError(f"{source}{'.'.join(where)} must be set") from None
            source = next((s for path, s in self.sources.items() if path == where[: len(path)]), "")
            given = "" if isinstance(first["input"], dict) else f" {json.dumps(first['input'])}"
            reason = first["msg"].removeprefix("Value error, ").replace("an object", "a mapping")
            name = ".".join(where) or "settings"
            raise UsageError(f"{source}{name}{given}: {reason[0].lower()}{reason[1:]}") from None

    def _annotation(self, where: tuple[str, ...], source: str) -> Any:
        kind: Any = self.kind
        for depth, name in enumerate(where):
            known = get_type_hints(kind, include_extras=True) if isinstance(kind, type) else {}
            if name not in known or not any(field.name == name for field in fields(kind)):
                shown, within = ".".join(where[: depth + 1]), ".".join(where[:depth])
                owner = f"{within} has" if within else "there are"
                choices = [field.name for field in fields(kind)] if known else []
                has = f"; {owner} {', '.join(choices)}" if known else ""
                raise UsageError(f"{source}{shown} is no setting{_hint(name, choices, listed=False)}{has}")
            annotation = known[name]
            kind = _dataclass_in(annotation)
        return annotation

    def _put(self, where: tuple[str, ...], value: Any, source: str) -> None:
        target = self.values
        for name in where[:-1]:
            if not isinstance(target.get(name), dict):
                target[name] = {}
            target = target[name]
        target[where[-1]] = value
        self.sources = {where: source} | {p: s for p, s in self.sources.items() if p[: len(where)] != where}


def _defaults(kind: Any) -> dict[str, Any]:
    found = {}
    for field in fields(kind):
        value = _default(field)
        if value is not MISSING:
            found[field.name] = _as_dict(value)
    return found


def _default(field: Field[Any]) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()


def _as_dict(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _as_dict(getattr(value, field.name)) for field in fields(value)}
    return value


def _dataclass_in(annotation: Any) -> Any:
    """The dataclass in an annotation, alone or in a union; None if there is none."""
    return next((part for part in _parts(annotation) if is_dataclass(part)), None)


def _parts(annotation: Any) -> Iterator[Any]:
    if get_origin(annotation) in (Union, types.UnionType):
        for part in get_args(annotation):
            yield from _parts(part)
    else:
        yield annotation


def _fits(annotation: Any, text: str) -> bool:
    """Whether a setting accepts the text as a string."""
    try:
        TypeAdapter(annotation).validate_json(json.dumps(text), strict=True)
    except ValidationError:
        return False
    return True


def _hint(name: str, choices: Any, *, listed: bool = True) -> str:
    near = get_close_matches(name, choices, n=1)
    hint = f", did you mean {near[0]}?" if near else ""
    return hint + (f" (there are {', '.join(choices)})" if listed else "")
