"""The oracle."""

import csv
import json
from pathlib import Path

import pytest

from offline_train.annotation.agreement import agreement
from offline_train.annotation.records import Annotation
from offline_train.annotation.texts import Text, Texts
from offline_train.annotation.valence import PAPER, sentiment_of
from offline_train.corpora.corpus import Sentiment
from offline_train.errors import UsageError
from tests.offline_train.annotation.conftest import Command

COLUMNS = ("Utterance", "Speaker", "Emotion", "Sentiment", "Dialogue_ID", "Utterance_ID")


def of(truth: list[Sentiment | None]) -> Texts:
    texts = tuple(Text(str(n), "x", sentiment=each) for n, each in enumerate(truth))
    return Texts("house/train", texts, ("joy", "anger"), "the corpus' own sentiments")


def said(*labels: str) -> list[Annotation]:
    return [Annotation(str(n), "x", label, "test") for n, label in enumerate(labels)]


@pytest.mark.parametrize(
    ("valence", "sentiment"),
    [(1, "negative"), (2.9, "negative"), (3, "neutral"), (5, "neutral"), (5.1, "positive"), (7, "positive")],
)
def test_the_papers_bands(valence: float, sentiment: str) -> None:
    assert sentiment_of(valence, PAPER) == sentiment


def test_figures() -> None:
    people: tuple[Sentiment, Sentiment, Sentiment] = ("positive", "negative", "neutral")
    truth = [each for each, times in zip(people, (4, 4, 2), strict=True) for _ in range(times)]
    votes = said(
        *(["positive"] * 3), "neutral", "negative", "negative", "neutral", "positive", *(["neutral"] * 3)
    )
    report = agreement(votes, of([*truth, None]))
    assert (report["n"], report["unjudged"], report["accuracy"]) == (10, 1, 70.0)
    # chance: 0.4 * 0.2 (negative) + 0.2 * 0.4 (neutral) + 0.4 * 0.4 (positive) = 0.32
    assert report["kappa"] == pytest.approx((0.7 - 0.32) / (1 - 0.32))
    assert report["confusion"] == [[2, 1, 1], [0, 2, 0], [0, 1, 3]]
    assert report["per_class"]["negative"] == pytest.approx(
        {"n": 4, "precision": 100, "recall": 50, "f1": 200 / 3}
    )


def test_kappa_of_one_label_is_undefined() -> None:
    assert agreement(said("neutral"), of(["neutral"]))["kappa"] is None


@pytest.mark.parametrize(
    ("labels", "truth", "message"),
    [
        (["happy"], ["neutral"], "happy"),
        (["neutral"], [None], "no labels"),
        (["joy"], ["neutral"], "no labels"),
        ([], ["neutral"], "none of"),
    ],
)
def test_nothing_to_compare(labels: list[str], truth: list[Sentiment | None], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        agreement(said(*labels), of(truth))


@pytest.fixture
def meld(tmp_path: Path) -> Path:
    folder = tmp_path / "meld"
    folder.mkdir()
    rows = [
        ("I love it!", "joy", "positive"),
        ("I hate it.", "anger", "negative"),
        ("Great, now this.", "anger", "negative"),
    ]
    for name in ("train", "dev", "test"):
        with (folder / f"{name}_sent_emo.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows((text, "A", emotion, mood, 0, n) for n, (text, emotion, mood) in enumerate(rows))
    return folder


def test_of_what_is_there_already(annotate: Command, meld: Path, tmp_path: Path) -> None:
    out, report = tmp_path / "out.jsonl", tmp_path / "report.json"
    corpus = ("--corpus", "meld", "--data", meld, "--out", out)
    missing = annotate("agreement", *corpus)
    assert (missing.code, missing.err.count("\n")) == (2, 1)
    assert annotate("lexicon", *corpus, "--limit", 2).code == 0
    before = out.read_bytes()
    assert json.loads(before.splitlines()[1])["context"] == ["I love it!"]
    result = annotate("agreement", *corpus, "--json", report)
    assert result.code == 0
    assert "accuracy 100.00 %, Cohen's kappa 1.000, n 2" in result.out
    found = json.loads(report.read_text(encoding="utf-8"))["oracle"]
    assert (found["n"], found["truth"]) == (2, "the corpus' own sentiments")
    assert out.read_bytes() == before
    result = annotate("lexicon", *corpus, "--oracle", "--json", "-")
    both = json.loads(result.out)
    assert (both["annotated"], both["oracle"]["n"]) == (3, 3)
    assert both["oracle"]["accuracy"] == pytest.approx(200 / 3)
    assert annotate("agreement", *corpus, "--split", "test").code == 2


def test_of_emotions(annotate: Command, meld: Path, tmp_path: Path) -> None:
    line = ("--corpus", "meld", "--data", meld, "--split", "all", "--out", tmp_path / "out.jsonl", "--oracle")
    result = annotate("corpus", *line, "--labels", "emotion", "--agreement", 2 / 3)
    assert result.code == 0
    assert "accuracy 66.67 %" in result.out
    assert "own emotions" in result.out
