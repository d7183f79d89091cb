"""The file of annotations being written: results are appended at once, so that a kill loses nothing."""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from models.atomic_write import write_whole
from offline_train.annotation.records import Annotation, read_annotations
from offline_train.annotation.texts import Text
from offline_train.errors import UsageError
from offline_train.files import mend_lines, write_json
from offline_train.progress_bar import progress_bar


class Output:
    """Annotations on disk, and beside them their settings and the texts that were set aside.

    Beside `x.jsonl` there are `x.jsonl.settings.json` and, where needed, `x.jsonl.usage.json` and
    `x.jsonl.set-aside.jsonl` (id, text, answers). Use it as a context manager: it holds a lock.

    Attributes:
        path: the file of annotations.
        done: annotations by id.
        aside: rows of the texts set aside, by id.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.done: dict[str, Annotation] = {}
        self.aside: dict[str, dict[str, object]] = {}
        self._aside_path = self.beside("set-aside.jsonl")
        self._lock = FileLock(self.beside("lock"), timeout=0)
        self._bar = progress_bar("{task.fields[note]}")
        self._task = self._bar.add_task("annotating", total=None, note="")

    def beside(self, ending: str) -> Path:
        """The file beside the annotations with this ending."""
        return self.path.with_name(f"{self.path.name}.{ending}")

    def __enter__(self) -> "Output":
        if not self.path.absolute().parent.is_dir() or self.path.is_dir():
            raise UsageError(f"cannot write {self.path}: it must be a file in a folder that is there")
        try:
            self._lock.acquire()
        except Timeout as error:
            raise UsageError(f"{self.path} is being written by another `annotate`; wait for it") from error
        except OSError as error:
            raise UsageError(f"cannot write {self.path}: {error.strerror}") from error
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()
        with suppress(OSError):  # Windows does not delete open files
            self.beside("lock").unlink(missing_ok=True)
        self._lock.release()

    def resume(self, settings: Mapping[str, object]) -> None:
        """Read the existing output, and repair a last line that a kill cut off.

        Raises:
            UsageError: it was made with other settings, or is not a file of annotations.
        """
        path = self.beside("settings.json")
        if not any(each.exists() and each.stat().st_size for each in (self.path, self._aside_path)):
            write_json(path, settings)
        elif path.exists():
            _check_settings(self.path, _objects(path, [path.read_bytes()])[0], settings)
        else:
            raise UsageError(f"{self.path} is there, but not {path.name}; choose another --out or remove it")
        mend_lines(self.path)  # only after the check that it is a file of annotations
        mend_lines(self._aside_path)
        self.path.touch()
        self.done = {each.id: each for each in read_annotations(self.path)}
        if self._aside_path.exists():
            rows = _objects(self._aside_path, self._aside_path.read_bytes().splitlines())
            self.aside = {str(row.get("id")): row for row in rows if row.get("id") not in self.done}

    def start(self, total: int, pending: int) -> None:
        """Show the progress of `total` texts, of which `pending` are not done yet."""
        self._bar.update(self._task, total=total, completed=total - pending)
        if pending:
            self._bar.start()

    def note(self, text: str) -> None:
        """Show beside the progress the reason for a wait; "" for none."""
        self._bar.update(self._task, note=text)

    def write(self, annotation: Annotation) -> None:
        """Append an annotation."""
        _append(self.path, annotation.line())
        self.done[annotation.id] = annotation
        self.aside.pop(annotation.id, None)
        self._bar.advance(self._task)

    def set_aside(self, text: Text, answers: Sequence[str], error: str | None = None) -> None:
        """Append a text without a label, with the answers or the error."""
        row: dict[str, object] = {"id": text.id, "text": text.text, "answers": list(answers)}
        if error is not None:
            row["error"] = error
        _append(self._aside_path, json.dumps(row, ensure_ascii=False) + "\n")
        self.aside[text.id] = row
        self._bar.advance(self._task)

    def tidy(self) -> None:
        """Rewrite the file of texts set aside without those annotated since; remove it if it is empty."""
        if not self._aside_path.exists():
            return
        rows = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in self.aside.values())
        write_whole(self._aside_path, rows)
        if not self.aside:
            self._aside_path.unlink()


def check_same_texts(path: Path, annotations: Iterable[Annotation], texts: Iterable[Text]) -> None:
    """Check that annotations and texts with the same id have the same words.

    Raises:
        UsageError: they have not.
    """
    words = {text.id: text.text for text in texts}
    for each in annotations:
        if words.get(each.id, each.text) != each.text:
            raise UsageError(f"{path} has another text with the id {each.id!r}: it was made from other texts")


def _objects(path: Path, lines: Iterable[bytes]) -> list[dict[str, object]]:
    try:
        rows = [json.loads(line) for line in lines]
    except ValueError as error:
        raise UsageError(f"{path} was changed and can't be read ({error}); mend or remove it") from error
    if not all(isinstance(row, dict) for row in rows):
        raise UsageError(f"{path} was changed: it should hold JSON objects; mend or remove it")
    return rows


def _append(path: Path, line: str) -> None:
    with path.open("ab") as file:
        file.write(line.encode())


def _check_settings(path: Path, stored: Mapping[str, object], asked: Mapping[str, object]) -> None:
    def shown(value: object) -> str:
        text = json.dumps(value, ensure_ascii=False)
        return text if len(text) <= 40 else text[:39] + "…"

    changed = [
        f"{key} {shown(stored.get(key))}, now {shown(asked.get(key))}"
        for key in sorted(stored.keys() | asked.keys())
        if stored.get(key) != asked.get(key)
    ]
    if changed:
        raise UsageError(
            f"{path} was made with other settings ({'; '.join(changed)}); choose another --out or remove it"
        )
