"""Runs the command lines of an experiment one after the other."""

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from datetime import timedelta
from typing import Any

from rich.console import Console

from offline_train.ablations.plan import Step
from offline_train.errors import RunFolderError


def execute(steps: Sequence[Step], program: Callable[..., Any]) -> None:
    """Make all runs in order; finished ones return at once.

    Before each, a line on stderr shows its number, the total, and the estimated remaining time. The output of
    the commands goes to stderr, too.

    Args:
        steps: the runs; later ones may be based on earlier ones. Duplicates are made once.
        program: the typer application of `merits-train`.
    """
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    once = list({step.folder: step for step in steps}.values())
    times: dict[str, list[float]] = {}
    for number, step in enumerate(once, start=1):
        missing = [each for each in once[number - 1 :] if not done(each)]
        left = f", {remaining(missing, times)}" if missing else ""
        console.print(f"run {number} of {len(once)}: {step.name}, seed {step.seed}{left}", style="bold")
        was_done, start, typed = done(step), time.monotonic(), sys.argv
        if was_done and step.is_evaluation:
            continue
        sys.argv = [typed[0], *step.line]  # the command stored in the run
        try:
            with redirect_stdout(sys.stderr):
                program(list(step.line), standalone_mode=False)
        finally:
            sys.argv = typed
        if not done(step):
            raise RunFolderError(f"`{step.command}` did not finish; the same experiment goes on from there")
        if not was_done:
            times.setdefault(step.name, []).append(time.monotonic() - start)


def done(step: Step) -> bool:
    """Whether a run is finished, or an evaluation is newer than its run."""
    if not step.is_evaluation:
        return (step.folder / "metrics.json").exists()
    judged = step.folder.parent / "metrics.json"
    return step.folder.exists() and judged.exists() and step.folder.stat().st_mtime >= judged.stat().st_mtime


def remaining(steps: Sequence[Step], times: dict[str, list[float]]) -> str:
    """The number of missing runs and, if one was timed already, the estimated remaining time.

    The estimate for a run is the mean time of others of its kind, or of all others if there are none.
    """
    every = [each for kind in times.values() for each in kind]
    if not every:
        return f"{len(steps)} to make"
    seconds = sum(sum(kind) / len(kind) for kind in (times.get(step.name, every) for step in steps))
    return f"{len(steps)} to make, about {timedelta(seconds=round(seconds))} left"
