"""Calibration of probabilities, and temperature scaling (Guo et al., ICML 2017)."""

import math
from typing import Any

from scipy.optimize import minimize_scalar
from torch import Tensor
from torch.nn import functional

BINS = 15
"""Number of bins of equal width in confidence (Guo et al., section 4.1)."""

_LEAST, _MOST = 0.05, 20.0  # beyond these, validation data does not determine a temperature


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """The temperature T for which softmax(logits / T) has the least negative log-likelihood.

    Args:
        logits: logits of validation data, [N, C].
        labels: class indices [N].
    """
    scores = logits.double()

    def loss(log_temperature: float) -> float:
        return float(functional.cross_entropy(scores / math.exp(log_temperature), labels))

    bounds = (math.log(_LEAST), math.log(_MOST))
    return math.exp(float(minimize_scalar(loss, bounds=bounds, method="bounded").x))


def expected_calibration_error(logits: Tensor, labels: Tensor, temperature: float = 1.0) -> float:
    """Expected calibration error in percentage points: mean over bins of |accuracy - confidence|, by count.

    Args:
        logits: [N, C].
        labels: class indices [N].
        temperature: divides the logits.
    """
    bins = reliability(logits, labels, temperature)
    gaps = [b["count"] * abs(b["accuracy"] - b["confidence"]) for b in bins if b["count"]]
    return float(sum(gaps) / len(labels))


def reliability(logits: Tensor, labels: Tensor, temperature: float = 1.0) -> list[dict[str, Any]]:
    """The reliability diagram: `BINS` bins (low, high] of the confidence in the predicted class.

    Returns:
        By bin: low, high (confidence, 0 to 1), count; accuracy and mean confidence in percent, None for empty
        bins.
    """
    confidence, predicted = (logits.double() / temperature).softmax(-1).max(-1)
    right = (predicted == labels).double()
    which = (confidence * BINS).ceil().clamp(1, BINS).long() - 1
    bins = []
    for number in range(BINS):
        inside = which == number
        count = int(inside.sum())
        bins.append(
            {
                "low": number / BINS,
                "high": (number + 1) / BINS,
                "count": count,
                "accuracy": 100 * float(right[inside].mean()) if count else None,
                "confidence": 100 * float(confidence[inside].mean()) if count else None,
            }
        )
    return bins


def calibration(logits: Tensor, labels: Tensor, temperature: float | None) -> dict[str, Any]:
    """Calibration without and with a temperature that was fitted on other data.

    Args:
        logits: [N, C].
        labels: class indices [N].
        temperature: the temperature; None if there was no data to fit it.

    Returns:
        ece, ece_calibrated (percentage points), temperature, and `reliability` without and with it: bins,
        bins_calibrated. Values with the temperature are None without one.
    """
    found = {"ece": expected_calibration_error(logits, labels), "bins": reliability(logits, labels)}
    if temperature is None:
        return {**found, "temperature": None, "ece_calibrated": None, "bins_calibrated": None}
    return {
        **found,
        "temperature": temperature,
        "ece_calibrated": expected_calibration_error(logits, labels, temperature),
        "bins_calibrated": reliability(logits, labels, temperature),
    }
