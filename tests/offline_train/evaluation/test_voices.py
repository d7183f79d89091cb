"""Metrics of voices: acted and ordinary speech apart."""

import pytest
import torch

from offline_train.batches.sequences import UNSCORED
from offline_train.batches.speech import Voices
from offline_train.evaluation.voices import judge_voices, mean_score

LABELS = ("neutral", "joy", "anger", "sadness")


def test_acted_and_ordinary_speech_are_judged_apart() -> None:
    labels = torch.tensor([0, 1, 2, 3, 1, 2, 0, 0, 0, 0, UNSCORED])
    origins = ["a"] * 4 + ["b"] * 2 + ["c"] * 4 + ["a"]
    made = Voices(
        torch.zeros(11, 1, 2), labels, range(11), origins, torch.tensor([o == "c" for o in origins])
    )
    found = torch.tensor([0, 1, 2, 3, 2, 2, 0, 0, 0, 3, 1])
    logits = 9 * torch.nn.functional.one_hot(found, 4).float()
    arousal = torch.tensor([-1.0, 1, 1, -1, 1, 1, 0, 0, 0, 0, 9])
    valence = torch.tensor([0.0, 1, -1, -1, -2, 1, 0, 0, 0, 0, 9])
    report = judge_voices(made, logits, torch.stack([arousal, valence], 1), LABELS)
    assert report["utterances"] == 6
    assert report["accuracy"] == pytest.approx(100 * 5 / 6)
    assert report["arousal_auc"] == 100
    # Of two pleasant and three unpleasant turns, 1 is above -1 twice and equal to 1, -2 above none.
    assert report["valence_auc"] == pytest.approx(100 * 2.5 / 6)
    assert report["ordinary"] == {
        "utterances": 4,
        "shares": {"neutral": 75, "joy": 0, "anger": 0, "sadness": 25},
    }
    assert {name: each["utterances"] for name, each in report["corpora"].items()} == {"a": 4, "b": 2}
    assert report["corpora"]["b"]["arousal_auc"] is None
    assert 0 < report["ece"] < 100
    expected = (report["weighted_f1"] + 100 + 100 * 2.5 / 6 + 75) / 4
    assert mean_score(report) == pytest.approx(expected)
    assert mean_score(report["corpora"]["a"]) == pytest.approx((100 + 100 + 100) / 3)
