"""Scores of runs, and their mean and spread over seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offline_train.runs.run import Run

MEASURES = {
    "weighted_f1": "weighted F1",
    "accuracy": "accuracy",
    "first_emission": "first emission",
    "streaming_gap": "streaming gap",
    "arousal_auc": "arousal AUC",
    "valence_auc": "valence AUC",
    "ece": "calibration error",
    "false_alarms": "false alarms",
}
"""Reported measures, in percent: weighted F1 and accuracy offline; weighted F1 of each turn when it is the
newest; the difference of the two weighted F1; of Stage I of speech, areas under the ROC curves, the expected
calibration error, and the share of ordinary speech that is not found neutral."""


@dataclass(frozen=True)
class Spread:
    """A score over seeds.

    Attributes:
        per_seed: score by seed.
    """

    per_seed: Mapping[int, float]

    @property
    def n(self) -> int:
        """Number of seeds."""
        return len(self.per_seed)

    @property
    def mean(self) -> float:
        """Mean over seeds."""
        return fmean(self.per_seed.values())

    @property
    def std(self) -> float | None:
        """Sample standard deviation; None for one seed."""
        return stdev(self.per_seed.values()) if self.n > 1 else None

    @property
    def sign(self) -> str:
        """ "+", "-" or "0" if all seeds agree, else "mixed"."""
        signs = {"+" if value > 0 else "-" if value < 0 else "0" for value in self.per_seed.values()}
        return signs.pop() if len(signs) == 1 else "mixed"

    def __sub__(self, other: "Spread") -> "Spread":
        """Differences by seed, for common seeds."""
        return Spread({seed: value - other.per_seed[seed] for seed, value in self.per_seed.items()
                       if seed in other.per_seed})  # fmt: skip

    def json(self) -> dict[str, Any]:
        """The spread as JSON."""
        return {"mean": self.mean, "std": self.std, "per_seed": dict(self.per_seed)}

    def difference(self, of: str, against: str, measure: str = "weighted_f1") -> dict[str, Any]:
        """The spread as JSON of a difference between two rows."""
        return {"of": of, "against": against, "measure": measure, **self.json(), "sign": self.sign}


def scores(runs: Sequence[Run]) -> dict[str, dict[str, float]]:
    """Validation and test scores by `MEASURES`; missing ones are omitted.

    Args:
        runs: one run, or those of all folds of a cross-validation, whose utterances are pooled.
    """
    found: dict[str, dict[str, float]] = {}
    for split in ("validation", "test"):
        offline = [_confusion(run.metrics, split) for run in runs]
        whole = [each for each in offline if each is not None]
        if len(whole) < len(runs):
            continue
        found[split] = {"weighted_f1": weighted_f1(sum(whole)), "accuracy": accuracy(sum(whole))}
        streamed = [_confusion(run.metrics.get("first_emission", {}), split) for run in runs]
        first = [each for each in streamed if each is not None]
        if len(first) == len(runs):
            found[split]["first_emission"] = weighted_f1(sum(first))
            found[split]["streaming_gap"] = found[split]["weighted_f1"] - found[split]["first_emission"]
    return found


def weighted_f1(confusion: NDArray[np.int64] | int) -> float:
    """Weighted F1 in percent from a confusion matrix [C, C] (rows: truth)."""
    matrix = np.asarray(confusion)
    right, truth, predicted = matrix.diagonal(), matrix.sum(1), matrix.sum(0)
    f1 = 2 * right / np.maximum(truth + predicted, 1)
    return 100 * float((f1 * truth).sum() / truth.sum())


def accuracy(confusion: NDArray[np.int64] | int) -> float:
    """Accuracy in percent from a confusion matrix."""
    matrix = np.asarray(confusion)
    return 100 * float(matrix.trace() / matrix.sum())


def _confusion(metrics: Mapping[str, Any], split: str) -> NDArray[np.int64] | None:
    """The confusion matrix of a split, with all modalities."""
    report = metrics.get(split, {})
    report = report.get("with_sound", report)
    return np.array(report["confusion"]) if "confusion" in report else None
