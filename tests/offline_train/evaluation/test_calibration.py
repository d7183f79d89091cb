import pytest
import torch

from offline_train.evaluation.calibration import (
    BINS,
    calibration,
    expected_calibration_error,
    fit_temperature,
    reliability,
)


def confident(probabilities: list[float]) -> torch.Tensor:
    """Logits of two classes; the first has the probability given."""
    p = torch.tensor(probabilities, dtype=torch.double)
    return torch.stack([p, 1 - p], dim=1).log()


def test_the_error_of_a_case_worked_by_hand() -> None:
    # Two at 0.9, one of them right: off by 40 points. Two at 0.65, both right: off by 35.
    logits = confident([0.9, 0.9, 0.65, 0.65])
    labels = torch.tensor([0, 1, 0, 0])
    assert expected_calibration_error(logits, labels) == pytest.approx(37.5)


def test_bins_are_of_equal_width_and_hold_their_upper_edge() -> None:
    logits = torch.tensor([[1.0, 1.0, 1.0], [5.0, 0.0, 0.0], [200.0, 0.0, 0.0]])
    bins = reliability(logits, torch.tensor([0, 0, 1]))
    assert [each["count"] for each in bins] == [0] * 4 + [1] + [0] * 9 + [2]  # 1/3 is the fifth's upper edge
    assert bins[-1]["accuracy"] == 50
    assert bins[0]["accuracy"] is None
    assert bins[4]["high"] == pytest.approx(5 / BINS)


def test_the_temperature_that_labels_were_drawn_with_is_found() -> None:
    chance = torch.Generator().manual_seed(0)
    logits = 4 * torch.randn(6000, 4, generator=chance)
    labels = torch.multinomial((logits / 2.5).softmax(-1), 1, generator=chance)[:, 0]
    temperature = fit_temperature(logits[:4000], labels[:4000])
    assert temperature == pytest.approx(2.5, rel=0.08)
    report = calibration(logits[4000:], labels[4000:], temperature)
    assert report["ece_calibrated"] < 4 < 10 < report["ece"]
    assert sum(each["count"] for each in report["bins_calibrated"]) == 2000


def test_without_validation_data_nothing_is_calibrated() -> None:
    report = calibration(confident([0.8]), torch.tensor([0]), None)
    assert report["ece"] == pytest.approx(20)
    assert report["temperature"] is report["ece_calibrated"] is report["bins_calibrated"] is None


def test_data_that_is_always_right_gives_a_temperature_all_the_same() -> None:
    assert 0 < fit_temperature(confident([0.8, 0.9]), torch.tensor([0, 0])) < 1
