"""A bundle as annotator."""

from pathlib import Path

import pytest

from models.bundle import load_bundle
from offline_train.annotation.records import read_annotations
from tests import tiny
from tests.offline_train.annotation.conftest import Command


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.make_bundle(tmp_path_factory.mktemp("tiny"))


def test_emotions_are_stage_ones(annotate: Command, bundle: Path, texts: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    line = (
        "classifier",
        "--bundle",
        bundle,
        "--labels",
        "emotion",
        "--texts",
        texts,
        "--out",
        out,
    )
    assert annotate(*line).code == 0
    found = read_annotations(out)
    loaded = load_bundle(bundle)
    _, logits = loaded.text.embed([each.text for each in found])
    for each, row in zip(found, loaded.probabilities(logits), strict=True):
        assert each.probabilities is not None
        assert tuple(each.probabilities) == loaded.labels
        assert list(each.probabilities.values()) == pytest.approx(row.tolist(), abs=1e-4)
        assert each.label == loaded.labels[int(row.argmax())]
        assert each.annotator == "classifier:tiny@1"


def test_sentiments_are_weighted_by_the_emotions(
    annotate: Command, bundle: Path, texts: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.jsonl"
    assert annotate("classifier", "--bundle", bundle, "--texts", texts, "--out", out).code == 0
    loaded = load_bundle(bundle)
    for each in read_annotations(out):
        _, logits = loaded.text.embed([each.text])
        expected = loaded.probabilities(logits[0]) @ loaded.sentiment
        assert each.probabilities is not None
        assert list(each.probabilities) == ["negative", "neutral", "positive"]
        assert list(each.probabilities.values()) == pytest.approx(expected.tolist(), abs=1e-4)


def test_a_bundle_that_is_not_there(annotate: Command, texts: Path, tmp_path: Path) -> None:
    line = ("classifier", "--texts", texts, "--out", tmp_path / "o.jsonl")
    assert annotate(*line).code == 2
    result = annotate(*line, "--bundle", "nowhere")
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert "nowhere" in result.err
