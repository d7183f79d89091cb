"""Windows and look-ahead: evaluations of runs as streamed, by `merits-train evaluate`."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from offline_train.ablations.experiments import stages
from offline_train.ablations.plan import Plan, Step
from offline_train.ablations.scores import Spread
from offline_train.errors import UsageError
from offline_train.runs.run import Run

Evaluations = Mapping[str, Sequence[Step]]
"""Evaluations of all seeds, by stage."""


def of_stages(plan: Plan, *, sound: bool) -> Evaluations:
    """Evaluations of the runs of Stages II and III in the experiment `stages`."""
    rows = stages(plan, sound=sound).rows
    return {
        name: [plan.evaluation(step) for step in steps]
        for name, steps in rows.items()
        if name in ("text II", "audio II", "fused III")
    }


def given_runs(plan: Plan, folders: Sequence[Path]) -> Evaluations:
    """Evaluations of existing runs of Stages II and III; runs that differ in their seed are grouped.

    Raises:
        UsageError: a run is of another stage.
        RunFolderError: a run is missing or unfinished.
    """
    found: dict[str, list[Step]] = {}
    for folder in folders:
        run = Run(folder)
        parents, seed = run.settings.get("parents", {}), int(run.settings["settings"]["fit"]["seed"])
        if "stage1" in parents:
            kind = "text II" if run.config["modality"] == "text" else "audio II"
        elif "speech" in parents:
            kind = "joint" if run.settings["settings"].get("joint") else "fused III"
        else:
            raise UsageError(f"{folder} is no run of Stage II or III: windows are for those with context")
        if any(step.seed == seed for step in found.get(kind, [])):
            kind = f"{kind} {folder}"
        found.setdefault(kind, []).append(plan.evaluation(Step(kind, seed, folder, ())))
    return found


def summarise(evaluations: Evaluations) -> dict[str, Any]:
    """Scores by turns of context and of look-ahead, from finished evaluations.

    Returns:
        rows (name, runs, commands; test: weighted F1 as mean, std and per_seed) and differences (the gap
        to offline that remains with each look-ahead).
    """
    rows, differences = [], []
    for name, steps in evaluations.items():
        read = {step.seed: json.loads(step.folder.read_text(encoding="utf-8")) for step in steps}
        origin = {"runs": [str(step.folder) for step in steps], "commands": [step.command for step in steps]}
        offline = Spread({seed: each["bundle_offline"]["weighted_f1"] for seed, each in read.items()})
        rows.append({"name": f"{name}, offline", **origin, "test": {"weighted_f1": offline.json()}})
        first = next(iter(read.values()))
        for turns in first["look_ahead"]:
            ahead = Spread({seed: each["look_ahead"][turns] for seed, each in read.items()})
            kind = f"{name}, look-ahead {turns}"
            rows.append({"name": kind, **origin, "test": {"weighted_f1": ahead.json()}})
            differences.append((offline - ahead).difference(f"{name}, offline", kind))
        for size, measures in first["windows"].items():
            test = {
                shown: Spread({seed: each["windows"][size][measure] for seed, each in read.items()}).json()
                for measure, shown in (("final", "weighted_f1"), ("first_emission", "first_emission"))
                if measure in measures
            }
            rows.append({"name": f"{name}, window {size}", **origin, "test": test})
    return {"rows": rows, "differences": differences, "published": {}}
