"""Metrics of Stage I of the speech modality."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from torch import Tensor

from offline_train.batches.plane_targets import plane_targets
from offline_train.batches.speech import Voices
from offline_train.evaluation.calibration import expected_calibration_error
from offline_train.evaluation.metrics import classification


def judge_voices(voices: Voices, logits: Tensor, plane: Tensor, labels: Sequence[str]) -> dict[str, Any]:
    """Metrics of labelled turns.

    Args:
        voices: the turns.
        logits: of the emotions [N, C].
        plane: logits of being aroused, and of being pleasant [N, 2].
        labels: emotions by class index.

    Returns:
        As `classification`, with arousal_auc, valence_auc (percent; None where there is nothing to tell
        apart) and ece (percentage points), of all turns but ordinary speech; `ordinary`: how many turns of
        ordinary speech there are, and the share of each emotion in what is found in them, in percent;
        `corpora`: the metrics of each corpus, if there are several.
    """

    def judge(chosen: Tensor) -> dict[str, Any]:
        truth, scores = voices.labels[chosen], logits[chosen]
        return {
            **classification(truth.numpy(), scores.argmax(1).numpy(), labels),
            **_aucs(plane_targets(labels)[truth].numpy(), plane[chosen].numpy()),
            "ece": expected_calibration_error(scores, truth),
        }

    acted, ordinary = voices.scored & ~voices.ordinary, voices.scored & voices.ordinary
    found = judge(acted)
    if ordinary.any():
        shares = torch.bincount(logits[ordinary].argmax(1), minlength=len(labels)) / ordinary.sum()
        found["ordinary"] = {
            "utterances": int(ordinary.sum()),
            "shares": dict(zip(labels, (100 * shares).tolist(), strict=True)),
        }
    origins = [name for name, counts in zip(voices.origins, acted.tolist(), strict=True) if counts]
    if len(set(origins)) > 1:
        found["corpora"] = {
            name: judge(acted & torch.tensor([each == name for each in voices.origins]))
            for name in dict.fromkeys(origins)
        }
    return found


def mean_score(report: dict[str, Any]) -> float:
    """What training maximises on validation, in percent.

    It is the mean of weighted F1, the areas under the curves of arousal and valence, and the share of
    ordinary speech that is found neutral; of those that there are.
    """
    parts = [report["weighted_f1"], report["arousal_auc"], report["valence_auc"]]
    if "ordinary" in report:
        parts.append(report["ordinary"]["shares"]["neutral"])
    return float(np.mean([part for part in parts if part is not None]))


def _aucs(targets: NDArray[np.float32], plane: NDArray[np.float32]) -> dict[str, float | None]:
    """Areas under the ROC curves of arousal and of valence: targets [N, 2] (NaN for none), logits [N, 2]."""
    found: dict[str, float | None] = {}
    for name, truth, logits in zip(("arousal_auc", "valence_auc"), targets.T, plane.T, strict=True):
        known = np.isfinite(truth)
        both = len(set(truth[known])) == 2
        found[name] = 100 * float(roc_auc_score(truth[known], logits[known])) if both else None
    return found
