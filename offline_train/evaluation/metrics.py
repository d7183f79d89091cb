"""Classification metrics."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score


def classification(
    labels: NDArray[np.int64], predicted: NDArray[np.int64], names: Sequence[str]
) -> dict[str, Any]:
    """Weighted F1, macro F1 and accuracy in percent; F1 by class; confusion matrix (rows: truth).

    Args:
        labels: true class indices [N].
        predicted: predicted class indices [N].
        names: names of the classes, by index.
    """
    classes = list(range(len(names)))
    by_class, macro, weighted = (
        f1_score(labels, predicted, labels=classes, average=average, zero_division=0)
        for average in (None, "macro", "weighted")
    )
    return {
        "utterances": len(labels),
        "weighted_f1": 100 * float(weighted),
        "macro_f1": 100 * float(macro),
        "accuracy": 100 * float(accuracy_score(labels, predicted)),
        "f1": {name: 100 * float(value) for name, value in zip(names, by_class, strict=True)},
        "confusion": confusion_matrix(labels, predicted, labels=classes).tolist(),
    }
