"""The results of an experiment: each row's scores over seeds, and the differences between rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

from offline_train.ablations.plan import Step
from offline_train.ablations.scores import MEASURES, Spread, scores
from offline_train.runs.run import Run


@dataclass(frozen=True)
class Comparison:
    """A comparison of two rows.

    Attributes:
        of: the first row.
        against: the other row; of several, the one with the best mean weighted F1 on validation.
        measure: one of `MEASURES`.
    """

    of: str
    against: tuple[str, ...]
    measure: str = "weighted_f1"


@dataclass(frozen=True)
class Experiment:
    """An experiment: its runs by row, and the comparisons of rows.

    Attributes:
        name: name on the command line.
        rows: runs of all seeds by row; several of one seed are folds of a cross-validation, pooled.
        comparisons: comparisons of rows.
        before: other runs that those of the rows are based on.
        facts: further numbers of each row, by name.
        published: published scores for comparison.
    """

    name: str
    rows: Mapping[str, Sequence[Step]]
    comparisons: Sequence[Comparison] = ()
    before: Sequence[Step] = ()
    facts: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    published: Mapping[str, float] = field(default_factory=dict)

    @property
    def steps(self) -> list[Step]:
        """All runs, each after those it is based on."""
        return [*self.before, *(step for steps in self.rows.values() for step in steps)]


def summarise(experiment: Experiment) -> dict[str, Any]:
    """Scores and differences of an experiment whose runs are finished.

    Returns:
        rows (name, runs, commands; validation and test as mean, std and per_seed by measure) and differences
        on test (of, against, measure; mean, std, per_seed and sign: "+", "-" or "mixed" over the seeds).
    """
    found = {name: spreads(steps) for name, steps in experiment.rows.items()}
    rows = [
        {
            "name": name,
            "runs": [str(step.folder) for step in experiment.rows[name]],
            "commands": [step.command for step in experiment.rows[name]],
            **experiment.facts.get(name, {}),
            **{
                split: {measure: spread.json() for measure, spread in by_measure.items()}
                for split, by_measure in splits.items()
            },
        }
        for name, splits in found.items()
    ]
    return {"rows": rows, "differences": [_difference(each, found) for each in experiment.comparisons],
            "published": dict(experiment.published)}  # fmt: skip


def spreads(steps: Sequence[Step]) -> dict[str, dict[str, Spread]]:
    """Scores over seeds, by split and measure."""
    by_seed = {
        seed: scores([Run(step.folder) for step in steps if step.seed == seed])
        for seed in dict.fromkeys(step.seed for step in steps)
    }
    first = next(iter(by_seed.values()))
    return {
        split: {
            measure: Spread({seed: each[split][measure] for seed, each in by_seed.items()})
            for measure in measures
        }
        for split, measures in first.items()
    }


def _difference(
    comparison: Comparison, found: Mapping[str, Mapping[str, Mapping[str, Spread]]]
) -> dict[str, Any]:
    against = max(comparison.against, key=lambda name: found[name]["validation"]["weighted_f1"].mean)
    by_seed = found[comparison.of]["test"][comparison.measure] - found[against]["test"][comparison.measure]
    return by_seed.difference(comparison.of, against, comparison.measure)


def show(summary: Mapping[str, Any], console: Console) -> None:
    """Print a summary as tables."""
    rows = summary["rows"]
    measures = [name for name in MEASURES if any(name in row.get("test", {}) for row in rows)]
    facts = [key for key in ("agreement",) if any(row.get(key) is not None for row in rows)]
    table = Table("", *facts, "validation", *(f"test {MEASURES[name]}" for name in measures), "n", box=None)
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        shown = [row.get("validation", {}).get("weighted_f1"), *(row["test"].get(name) for name in measures)]
        told = ["" if row.get(key) is None else f"{row[key]:.1f}" for key in facts]
        n = len(next(iter(row["test"].values()))["per_seed"])
        table.add_row(row["name"], *told, *map(_shown, shown), str(n))
    console.print(table, highlight=False)
    for each in summary["differences"]:
        name = MEASURES[each["measure"]]
        seeds = ", ".join(f"{value:+.2f}" for value in each["per_seed"].values())
        line = f"{each['of']} against {each['against']}, test {name}: {_shown(each, '+')} (by seed: {seeds})"
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    for name, value in summary["published"].items():
        console.print(f"published: {name} {value:.2f}", highlight=False, markup=False, soft_wrap=True)


def _shown(spread: Mapping[str, Any] | None, sign: str = "") -> str:
    if spread is None:
        return ""
    return f"{spread['mean']:{sign}.2f}" + ("" if spread["std"] is None else f" ± {spread['std']:.2f}")
