"""Options of several commands, and functions to open and report runs."""

import json
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeVar

import typer
from typer import Option

from offline_train.corpora.registry import CORPORA
from offline_train.errors import UsageError
from offline_train.files import write_json
from offline_train.settings.settings import resolve

if TYPE_CHECKING:
    from offline_train.runs.run import Run
    from offline_train.runs.run_corpus import RunCorpus

T = TypeVar("T")

CORPUS = f"Name of the corpus: {', '.join(CORPORA)}."
FOLDER = "Folder of the corpus; for corpus `folder`, also its table."

Out = Annotated[
    Path, Option(help="Folder of the run. A killed run is resumed from it; a finished one is not repeated.")
]
Data = Annotated[
    Path | None,
    Option(help="Folder of the corpus, if it was moved. \\[default: the given run's]"),
]
TextBase = Annotated[
    str | None,
    Option(
        help="Pre-trained text encoder: a folder, or a hub name such as roberta-large."
        " \\[default: the preset's]"
    ),
]
Transcripts = Annotated[
    Path | None,
    Option(help="Output of `merits-train transcribe` with words to use instead of the corpus' own."),
]
Clips = Annotated[Path | None, Option(help="Folder of corpus `voices`, whose actors speak MELD's dialogues.")]
Preset = Annotated[
    str, Option(help="Settings to start from: `small` runs on two CPU cores, `paper` has the paper's sizes.")
]
Config = Annotated[
    Path | None,
    Option(
        help="YAML file of settings, which override the preset's: a section per command, such as stage2:"
        " {hidden: 256}."
    ),
]
JsonOut = Annotated[
    Path | None,
    Option("--json", metavar="FILE", help='JSON file to write the report to; "-" is standard output.'),
]
STANDARD_OUTPUT = Path("-")


@dataclass(frozen=True)
class CorpusOptions:
    """The corpus to train on."""

    corpus: Annotated[str, Option(help=CORPUS)]
    data: Annotated[Path, Option(help=FOLDER)]

    def source(
        self, features: str | None = None, fold: int | None = None, transcripts: Path | None = None
    ) -> "RunCorpus":
        """The corpus, in the form that a run stores."""
        from offline_train.runs.run_corpus import RunCorpus  # imports torch

        return RunCorpus(self.corpus, self.data, features, fold, transcripts)


@dataclass(frozen=True)
class SettingsOptions:
    """Sources of a training command's settings, by precedence.

    Attributes:
        seed: Seed of every random choice. [default: 1]
        epochs: Largest number of passes over the training data. [default: the preset's]
        learning_rate: Highest learning rate, after the warm-up. [default: the preset's]
        changes: A setting, which overrides preset and file, such as fit.weight_decay=0.05. May be repeated.
    """

    panel: ClassVar = "Settings"

    seed: int | None = None
    epochs: int | None = None
    learning_rate: float | None = None
    changes: Annotated[list[str] | None, Option("--set", metavar="KEY=VALUE")] = None
    preset: Preset = "small"
    config: Config = None

    def resolve(self, kind: type[T], section: str, **flags: Any) -> T:
        """The settings from defaults, preset, file, `--set` and options; later ones override earlier ones.

        Args:
            kind: class of the settings.
            section: section of the preset and the file.
            flags: further options by name of the setting; None if not given.

        Raises:
            UsageError: a setting is unknown or invalid.
        """
        overrides: dict[str, Any] = {}
        for change in self.changes or []:
            key, equals, value = change.partition("=")
            if not equals:
                raise typer.BadParameter(f"--set {change}: expected KEY=VALUE, such as fit.epochs=10")
            overrides[key] = value
        fit = {"fit.seed": self.seed, "fit.epochs": self.epochs, "fit.learning_rate": self.learning_rate}
        overrides |= {name: value for name, value in (fit | flags).items() if value is not None}
        return resolve(kind, section, self.preset, self.config, overrides)


def command_line() -> str:
    """The current command line, for model cards."""
    return shlex.join(["merits-train", *sys.argv[1:]])


def open_run(out: Path, settings: object, **more: Any) -> "Run":
    """Start a run, or open an existing one."""
    from offline_train.runs.run import Run  # imports torch

    return Run.open(out, {"settings": settings, **more}, command=command_line())


def report(run: "Run") -> None:
    """Print a finished run's scores on validation and test."""
    metrics = run.metrics
    parts = [
        f"{split}: weighted F1 {metrics[split]['weighted_f1']:.2f}"
        for split in ("validation", "test")
        if split in metrics
    ]
    print("  ".join(parts))


def check_writable(path: Path | None) -> None:
    """Check before the work that a file can be written.

    Raises:
        UsageError: it can't be.
    """
    if path is None or path == STANDARD_OUTPUT:
        return
    if path.is_dir():
        raise UsageError(f"cannot write {path}: it is a folder")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"cannot write {path}: there is no folder {path.parent}")


def write_report(path: Path | None, content: Mapping[str, Any]) -> None:
    """Write a report as JSON, if requested."""
    if path == STANDARD_OUTPUT:
        print(json.dumps(content, indent=2, ensure_ascii=False))
    elif path is not None:
        write_json(path, content)
