"""Transfer: how Stage I of the speech modality does on a corpus that it was not trained on."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from offline_train.ablations.plan import Plan, Step
from offline_train.ablations.scores import MEASURES, Spread
from offline_train.corpora.voices import acted_in
from offline_train.plots import COLOURS, look, save
from offline_train.runs.run import Run

_SHOWN = ("weighted_f1", "arousal_auc", "valence_auc")
_MEAN = "mean"


def left_out(plan: Plan) -> dict[str, list[Step]]:
    """Runs of all seeds, by the corpus that is left out; they share their embeddings."""
    kept = ["--cache", str(plan.out / plan.corpus / "prepared")]
    return {
        name: [plan.speech1(seed, fold, kept) for seed in plan.seeds]
        for fold, name in enumerate(acted_in(plan.data))
    }


def summarise(runs: Mapping[str, Sequence[Step]]) -> dict[str, Any]:
    """Scores on each corpus by the runs that left it out, and their mean.

    Returns:
        rows (name, runs, commands; validation and test as mean, std and per_seed by measure; recall by
        emotion, in percent, None for one that the corpus has not), and no differences.
    """
    found: dict[str, dict[str, Spread]] = {}
    rows = []
    for name, steps in runs.items():
        reports = {step.seed: Run(step.folder).metrics for step in steps}
        by_seed = {seed: _measures(report["test"]) for seed, report in reports.items()}
        first = next(iter(by_seed.values()))
        found[name] = {
            measure: Spread({seed: each[measure] for seed, each in by_seed.items()}) for measure in first
        }
        validated = Spread({seed: each["validation"]["weighted_f1"] for seed, each in reports.items()})
        rows.append(
            {
                "name": name,
                "runs": [str(step.folder) for step in steps],
                "commands": [step.command for step in steps],
                "validation": {"weighted_f1": validated.json()},
                "test": {measure: spread.json() for measure, spread in found[name].items()},
                "recall": _recall([report["test"] for report in reports.values()]),
            }
        )
    rows.append({"name": _MEAN, "runs": [], "commands": [], "test": _mean(list(found.values()))})
    return {"rows": rows, "differences": [], "published": {}}


def draw_transfer(summary: Mapping[str, Any], path: Path) -> Path:
    """Draw the scores on each corpus, beside the recall of each emotion there.

    Args:
        summary: result of `summarise`.
        path: the file.
    """
    rows = [row for row in summary["rows"] if row["name"] != _MEAN]
    names = [row["name"] for row in rows]
    emotions = list(rows[0]["recall"])
    with look():
        figure = Figure(figsize=(9.0, 1.6 + 0.4 * len(rows)), layout="constrained")
        bars, cells = figure.subplots(1, 2, width_ratios=(1, 1.2))
        height = 0.8 / len(_SHOWN)
        for number, (measure, colour) in enumerate(zip(_SHOWN, COLOURS, strict=False)):
            known = [(at, row["test"][measure]) for at, row in enumerate(rows) if measure in row["test"]]
            bars.barh(
                [at + (number - 1) * height for at, _ in known],
                [each["mean"] for _, each in known],
                height,
                xerr=[each["std"] or 0.0 for _, each in known],
                color=colour,
                label=MEASURES[measure],
            )
        bars.set_yticks(range(len(names)), names)
        bars.invert_yaxis()
        bars.set(xlabel="%, on the corpus that is left out", xlim=(0, 100))
        bars.legend(frameon=False, ncols=len(_SHOWN), loc="lower center", bbox_to_anchor=(0.5, 1.0))
        table = np.array(
            [[np.nan if each is None else each for each in row["recall"].values()] for row in rows]
        )
        image = cells.imshow(table, cmap="cividis", vmin=0, vmax=100, aspect="auto")
        for (row, column), value in np.ndenumerate(table):
            if np.isfinite(value):
                colour = "black" if value > 50 else "white"
                cells.text(column, row, f"{value:.0f}", ha="center", va="center", color=colour, fontsize=8)
        cells.set_xticks(range(len(emotions)), emotions, rotation=45, ha="right", rotation_mode="anchor")
        cells.set_yticks(range(len(names)), names)
        figure.colorbar(image, ax=cells, label="recall, %")
        return save(figure, path)


def _measures(report: Mapping[str, Any]) -> dict[str, float]:
    found = {name: report[name] for name in ("weighted_f1", "arousal_auc", "valence_auc", "ece")}
    if "ordinary" in report:
        found["false_alarms"] = 100 - report["ordinary"]["shares"]["neutral"]
    return {name: value for name, value in found.items() if value is not None}


def _recall(reports: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    """Recall in percent by emotion, of all seeds together."""
    confusion = np.sum([report["confusion"] for report in reports], axis=0)
    counts = confusion.sum(1)
    return {
        name: 100 * float(confusion[row, row] / counts[row]) if counts[row] else None
        for row, name in enumerate(reports[0]["f1"])
    }


def _mean(corpora: Sequence[Mapping[str, Spread]]) -> dict[str, Any]:
    """Means over the corpora, by measure, where all of them have it."""
    shared = [measure for measure in corpora[0] if all(measure in each for each in corpora)]
    return {
        measure: Spread(
            {
                seed: fmean(each[measure].per_seed[seed] for each in corpora)
                for seed in corpora[0][measure].per_seed
            }
        ).json()
        for measure in shared
    }
