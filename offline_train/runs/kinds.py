"""The stage and modality of finished runs."""

from typing import Literal

from offline_train.errors import UsageError
from offline_train.runs.run import Run

Kind = Literal["text1", "speech1", "text2", "speech2", "fusion"]

_MADE_BY: dict[Kind, str] = {
    "text1": "stage1 text",
    "speech1": "stage1 speech",
    "text2": "stage2 text",
    "speech2": "stage2 speech",
    "fusion": "stage3",
}


def kind_of(run: Run) -> Kind | None:
    """The kind of a run; None if it is of none of the three stages.

    Raises:
        RunFolderError: the run is unfinished.
    """
    config = run.config
    if "conversation" in config:
        return "fusion"
    if "context" in config:
        return "text2" if config["modality"] == "text" else "speech2"
    if "text" in config and "corpus" in run.settings:  # runs of pretrain-text have annotations instead
        return "text1"
    return "speech1" if "speech" in config else None


def expect(run: Run, kind: Kind) -> Run:
    """Check the kind of a run, and return the run.

    Raises:
        RunFolderError: the run is unfinished.
        UsageError: it is of another kind.
    """
    if kind_of(run) != kind:
        raise UsageError(f"{run.folder} is no run of {_MADE_BY[kind]}")
    return run
