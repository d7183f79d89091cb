"""What was found: each once, as a file that shows it, and how to see it again."""

import hashlib
import json
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType

from models.atomic_write import write_whole

_OURS = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault: a "traceback", "hang", "memory", "crash" or "message"; `where` tells it from others."""

    target: str
    kind: str
    where: str
    detail: str
    count: int = 1

    @property
    def name(self) -> str:
        """Of its files."""
        return f"{self.target}-{self.kind}-{_digest(self.where.encode())[:8]}"


class Findings:
    """A folder of them: NAME is the input, NAME.json what happened; `deadly` lists what ends a worker."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, finding: Finding, data: bytes) -> None:
        """Keep a finding, or count it once more."""
        note = self._folder / f"{finding.name}.json"
        if note.exists():
            before = Finding(**json.loads(note.read_text("utf-8")))
            finding = replace(before, count=before.count + finding.count)
        else:
            (self._folder / finding.name).write_bytes(data)
        write_whole(note, json.dumps(asdict(finding), indent=1))

    def add_deadly(self, data: bytes) -> None:
        """See that no later worker ends of this input."""
        with (self._folder / "deadly").open("a") as file:
            file.write(f"{_digest(data)}\n")

    def deadly(self) -> Callable[[bytes], bool]:
        """What tells whether an input is known to end a worker."""
        known = self._folder / "deadly"
        digests = frozenset(known.read_text().split() if known.exists() else ())
        return lambda data: bool(digests) and _digest(data) in digests

    def all(self) -> list[Finding]:
        """Everything that is there."""
        return [
            Finding(**json.loads(note.read_text("utf-8"))) for note in sorted(self._folder.glob("*.json"))
        ]

    def how_to_see(self, finding: Finding) -> str:
        """The command that shows it."""
        return f"python -m fuzz.worker {finding.target} {self._folder / finding.name}"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def of_exception(target: str, error: BaseException) -> Finding:
    """A traceback, told from others by where it was raised and the last place of ours before that."""
    trace = "".join(traceback.format_exception(error))
    return Finding(target, "traceback", _place(type(error), error.__traceback__), trace)


def _place(kind: type[BaseException], trace: TracebackType | None) -> str:
    frames = traceback.extract_tb(trace)
    ours = [frame for frame in frames if _is_ours(frame.filename)]
    shown = dict.fromkeys(f"{Path(each.filename).name}:{each.name}" for each in (*ours[-1:], *frames[-1:]))
    return f"{kind.__name__} in {' <- '.join(reversed(shown))}"


def _is_ours(file: str) -> bool:
    path = Path(file)
    return any(part in path.parts for part in ("streamer", "models")) and "site-packages" not in path.parts
