"""Annotated texts on disk, written by `annotate`, read by `pretrain-text`: JSON Lines, an object per text."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from offline_train.errors import UsageError


@dataclass(frozen=True, slots=True)
class Annotation:
    """A text and its label.

    Attributes:
        id: id of the text, unique in its file.
        text: the words.
        label: the label.
        annotator: name of the annotator: "llm:gpt-4o-mini", "lexicon:vader", "classifier:meld-small@1",
            "corpus".
        context: preceding turns, oldest first, if the text is part of a conversation.
        probabilities: probabilities by label, if the annotator gives them (or human annotators disagree).
    """

    id: str
    text: str
    label: str
    annotator: str
    context: tuple[str, ...] = ()
    probabilities: dict[str, float] | None = None

    def line(self) -> str:
        """The annotation as a line of JSON."""
        row = {"id": self.id, "text": self.text, "label": self.label, "annotator": self.annotator}
        more: dict[str, object] = {}
        if self.context:
            more["context"] = list(self.context)
        if self.probabilities is not None:
            more["probabilities"] = {label: round(p, 4) for label, p in self.probabilities.items()}
        return json.dumps({**row, **more}, ensure_ascii=False) + "\n"


def read_annotations(path: Path) -> list[Annotation]:
    """Read a file of annotations. A last line that a kill cut off is ignored.

    Raises:
        UsageError: the file is missing, or a line is not an annotation.
    """
    return list(_read(path))


def read_whole_annotations(path: Path) -> list[Annotation]:
    """Read a file of annotations, to train on it.

    Raises:
        UsageError: it is missing, broken, empty, or was cut off by a kill.
    """
    annotations = read_annotations(path)
    if not annotations or not path.read_bytes().endswith(b"\n"):
        state = "is cut off" if annotations else "holds no annotations"
        raise UsageError(f"{path} {state}; give the line of `merits-train annotate` that made it again")
    return annotations


def label_set(annotations: Sequence[Annotation]) -> tuple[str, ...]:
    """Every label that occurs, sorted."""
    return tuple(
        sorted({label for each in annotations for label in (each.probabilities or {each.label: 1.0})})
    )


def _read(path: Path) -> Iterator[Annotation]:
    if not path.is_file():
        raise UsageError(f"no annotations in {path}: make them with `merits-train annotate`")
    *whole, torn = path.read_bytes().split(b"\n")  # not splitlines(), which also splits at U+2028
    for number, line in enumerate(whole, start=1):
        try:
            yield _annotation(line)
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{path} line {number} is not an annotation: {error}") from error
    if torn:
        try:
            yield _annotation(torn)
        except (ValueError, KeyError, TypeError):
            return


def _annotation(line: bytes) -> Annotation:
    row = json.loads(line.decode())
    return Annotation(
        id=str(row["id"]),
        text=str(row["text"]),
        label=str(row["label"]),
        annotator=str(row["annotator"]),
        context=tuple(row.get("context", ())),
        probabilities=row.get("probabilities"),
    )
