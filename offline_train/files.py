"""Files that survive a kill: written atomically, or appended line by line."""

import json
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

from models.atomic_write import write_whole


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file atomically, with conversions by `plain`."""
    write_whole(path, json.dumps(content, indent=2, ensure_ascii=False, default=plain) + "\n")


def plain(value: object) -> Any:
    """Convert a dataclass to an object and a path to a string, as `default` of `json.dumps`."""
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def mend_lines(path: Path) -> None:
    """Repair the last line of a JSON Lines file, if it exists, after a kill.

    A missing newline is added after a complete object; an incomplete object is removed.
    """
    if not path.exists():
        return
    content = path.read_bytes()
    last = content[content.rfind(b"\n") + 1 :]
    if not last:
        return
    with path.open("r+b") as file:
        if _is_object(last):
            file.seek(0, 2)
            file.write(b"\n")
        else:
            file.truncate(len(content) - len(last))


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
