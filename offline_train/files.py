"""Files that survive a kill: written whole, or appended to a line at a time."""

import json
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

from models.atomic_write import write_whole


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file as a whole, by way of `plain`: readers see the old one or the new one."""
    write_whole(path, json.dumps(content, indent=2, ensure_ascii=False, default=plain) + "\n")


def plain(value: object) -> Any:
    """What JSON holds of a dataclass (an object) and of a path (text); for `json.dumps`' `default`."""
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def mend_lines(path: Path) -> None:
    """Mend the last line of a JSON Lines file, which a kill may have cut off.

    A whole object that only lacks its line's end gets it; a torn one is removed. No file stays no file.
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
