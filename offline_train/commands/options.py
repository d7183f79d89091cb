"""What several commands share: options, and how a run is opened and reported."""

import shlex
import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from offline_train.settings import resolve

if TYPE_CHECKING:
    from offline_train.run import Run


class Modality(StrEnum):
    """Which of the two."""

    TEXT = "text"
    SPEECH = "speech"


Out = Annotated[
    Path, typer.Option(help="Folder of the run. A killed run goes on from here; a finished one answers.")
]
Seed = Annotated[int | None, typer.Option(help="Of everything random.  \\[default: 1]")]
Epochs = Annotated[int | None, typer.Option(help="Passes over the training data, at most.")]
LearningRate = Annotated[float | None, typer.Option(help="The optimiser's peak.")]
Preset = Annotated[
    str,
    typer.Option(help="Where settings start from: `small` runs on two cores, `paper` is the paper's scale."),
]
Config = Annotated[
    Path | None, typer.Option(help="YAML with a section a command, over the preset: stage2: {hidden: 256}.")
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="One setting over all others, e.g. fit.weight_decay=0.05."
    ),
]
Data = Annotated[
    Path | None,
    typer.Option(help="Folder of the corpus.  \\[default: the one that the run before it was made on]"),
]

Settings = TypeVar("Settings")


def settings_from(
    kind: type[Settings],
    section: str,
    preset: str,
    config: Path | None,
    changes: list[str] | None,
    flags: Mapping[str, Any],
) -> Settings:
    """A command's settings: defaults, then preset, file, `--set`, and flags that were given.

    Args:
        kind: of settings.
        section: of the preset and the file.
        preset: name.
        config: file.
        changes: KEY=VALUE each.
        flags: by dotted name; None where not given.
    """
    overrides: dict[str, Any] = {}
    for change in changes or []:
        key, equals, value = change.partition("=")
        if not equals:
            raise typer.BadParameter(f"--set {change}: expected KEY=VALUE, such as fit.epochs=10")
        overrides[key] = value
    overrides.update({name: value for name, value in flags.items() if value is not None})
    return resolve(kind, section, preset, config, overrides)


def command_line() -> str:
    """The line that was typed, for model cards."""
    return shlex.join(["merits-train", *sys.argv[1:]])


def open_run(out: Path, settings: object, **more: Any) -> "Run":
    """Start a run, or take up the one that is there."""
    from offline_train.run import Run  # and torch with it

    return Run.open(out, {"settings": settings, **more}, command=command_line())


def report(run: "Run") -> None:
    """Print what a finished run reached on validation and test."""
    metrics = run.metrics
    parts = [
        f"{split}: weighted F1 {metrics[split]['weighted_f1']:.2f}"
        for split in ("validation", "test")
        if split in metrics
    ]
    print("  ".join(parts))
