from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import torch

from offline_train.evaluation.calibration import calibration
from offline_train.evaluation.figures import draw
from offline_train.evaluation.metrics import classification


def report(
    labels: tuple[str, ...], *, context: bool = True, temperature: float | None = 1.5
) -> dict[str, Any]:
    chance = torch.Generator().manual_seed(0)
    truth = torch.randint(len(labels), (50,), generator=chance)
    logits = torch.randn(50, len(labels), generator=chance)
    figures = classification(truth.numpy(), logits.argmax(1).numpy(), labels)
    calibrated = {"calibration": calibration(logits, truth, temperature)}
    if not context:
        return {"text_stage1": figures, **calibrated}
    windows = {size: {"first_emission": 40.0, "final": 41.0} for size in ("4", "16")}
    return {
        "bundle_offline": figures,
        "look_ahead": {"0": 40.0, "1": 41.0},
        "windows": windows,
        **calibrated,
    }


def words(path: Path) -> str:
    return " ".join(text.strip() for text in ElementTree.parse(path).getroot().itertext() if text.strip())


@pytest.mark.slow
def test_pictures_say_what_is_in_the_report_and_are_the_same_each_time(tmp_path: Path) -> None:
    made = report(("calm", "joy", "rage"))
    first, second = draw(made, tmp_path / "a"), draw(made, tmp_path / "b")
    assert [path.name for path in first] == ["confusion.svg", "f1.svg", "reliability.svg", "as-streamed.svg"]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
    assert not list(tmp_path.rglob("*.partial"))
    matrix = words(first[0]).split()
    for row in made["bundle_offline"]["confusion"]:
        for count in row:
            assert str(count) in matrix
    for value in made["bundle_offline"]["f1"].values():
        assert f"{value:.1f}" in words(first[1])
    assert f"{made['calibration']['ece']:.1f}" in words(first[2])


@pytest.mark.slow
@pytest.mark.parametrize("labels", [("$x$", "a < b & c", "喜び"), tuple(f"emotion {n}" for n in range(28))])
def test_any_names_of_emotions_can_be_drawn(labels: tuple[str, ...], tmp_path: Path) -> None:
    path = draw(report(labels, context=False, temperature=None), tmp_path)[0]
    assert all(label in words(path) for label in labels)
