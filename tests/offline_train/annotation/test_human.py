"""Human labels, as they are and corrupted on purpose."""

from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Literal

import pytest

from offline_train.annotation.annotate import annotate
from offline_train.annotation.human import HumanAnnotator
from offline_train.annotation.output import Output
from offline_train.annotation.records import read_annotations
from offline_train.annotation.texts import Text
from offline_train.corpora.corpus import Sentiment
from offline_train.errors import UsageError

KINDS: tuple[Sentiment, ...] = ("negative", "neutral", "positive")
TEXTS = [Text(str(n), "x", emotion=f"e{n % 5}", sentiment=KINDS[n % 3]) for n in range(300)]


def labels(
    folder: Path, agreement: float, seed: int = 1, kind: Literal["sentiment", "emotion"] = "sentiment"
) -> list[str]:
    with Output(folder / f"{kind}-{agreement}-{seed}.jsonl") as output:
        annotate(HumanAnnotator(TEXTS, kind, agreement, seed), TEXTS, "test", output)
        return [each.label for each in read_annotations(output.path)]


def test_as_they_are(tmp_path: Path) -> None:
    assert labels(tmp_path, 1.0) == [text.sentiment for text in TEXTS]
    assert labels(tmp_path, 1.0, kind="emotion") == [text.emotion for text in TEXTS]


@pytest.mark.parametrize("agreement", [0.0, 0.45, 0.6, 0.8])
def test_exactly_that_share_is_kept(tmp_path: Path, agreement: float) -> None:
    said = labels(tmp_path, agreement)
    kept = [text.sentiment == label for text, label in zip(TEXTS, said, strict=True)]
    assert sum(kept) == 300 * agreement
    wrong = Counter(
        (text.sentiment, label) for text, label in zip(TEXTS, said, strict=True) if text.sentiment != label
    )
    assert len(wrong) == 6
    assert min(wrong.values()) > 0.5 * max(wrong.values())


def test_annotators_of_one_seed_differ_in_quality_only(tmp_path: Path) -> None:
    by_quality = [labels(tmp_path, agreement) for agreement in (0.45, 0.6, 0.8, 1.0)]
    for worse, better in pairwise(by_quality):
        for text, low, high in zip(TEXTS, worse, better, strict=True):
            assert high in (low, text.sentiment)
    assert labels(tmp_path, 0.6, seed=2) != by_quality[1]


def test_a_single_label_has_no_other(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="only one"):
        HumanAnnotator([Text("1", "x", sentiment="neutral")], "sentiment", 0.5, 1)
