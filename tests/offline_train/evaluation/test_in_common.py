"""On a corpus with other labels a target chooses among the emotions that both know."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from models.bundle import load_bundle
from offline_train.batches.sequences import UNSCORED, Embedded
from offline_train.corpora.corpus import Conversation, Corpus, Split, Utterance
from offline_train.errors import UsageError
from offline_train.evaluation.evaluate import evaluate, scored_part
from offline_train.evaluation.in_common import in_common, left_out
from offline_train.evaluation.streamed import offline
from offline_train.evaluation.target import EvaluationTarget, bundle_target
from tests.tiny import LABELS, make_bundle

OURS = ("sadness", *LABELS)


@pytest.fixture(scope="module", params=["both", "words"])
def target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> EvaluationTarget:
    folder = make_bundle(tmp_path_factory.mktemp("bundle"), labels=OURS, words_only=request.param == "words")
    return bundle_target(load_bundle(folder))


def corpus(labels: Sequence[str], said: Sequence[str | None]) -> Corpus:
    words = ("the cat", "i am happy!", "you are bad!", "good day", "a dog")
    turns = tuple(
        Utterance(str(n), words[n % len(words)], label, speaker="AB"[n % 2]) for n, label in enumerate(said)
    )
    splits: dict[Split, list[Conversation]] = {
        "train": [],
        "validation": [],
        "test": [Conversation("c", turns)],
    }
    return Corpus("other", tuple(labels), splits)


THEIRS = ("contempt", "angry", "excited", "calm")
OTHER = corpus(THEIRS, ["angry", None, "contempt", "excited", "calm", "angry"])


def test_the_target_is_narrowed_as_if_it_knew_no_others(target: EvaluationTarget) -> None:
    common, narrow = in_common(OTHER, target)
    assert narrow.labels == common.labels == LABELS  # in the target's order, by its names
    (talk,) = common.splits["test"]
    assert [u.label for u in talk.utterances] == ["anger", None, None, "joy", "neutral", "anger"]
    assert [u.text for u in talk.utterances] == [u.text for u in OTHER.splits["test"][0].utterances]
    assert left_out(OTHER, common, "test") == 1

    [whole], [some] = (each.embed([talk], "test") for each in (target, narrow))
    assert whole.labels.tolist() == [3, UNSCORED, UNSCORED, 2, 1, 3]
    assert some.labels.tolist() == [2, UNSCORED, UNSCORED, 1, 0, 2]
    silent = Embedded(whole.text, torch.randn(6, 8), whole.present, whole.labels)
    silent.present[:, 1] = "speech" in target.heads
    assert target.conversation is not None
    assert narrow.conversation is not None
    before, after = offline(target.conversation, silent), offline(narrow.conversation, silent)
    for wide, few in zip(before[:3], after[:3], strict=True):
        torch.testing.assert_close(wide[:, 1:].softmax(1), few.softmax(1))
    assert before.fused.shape[1] == 4  # the target itself is as it was
    torch.testing.assert_close(target.heads["text"](whole.text)[:, 1:], narrow.heads["text"](whole.text))


def test_figures_are_of_the_emotions_in_common(target: EvaluationTarget) -> None:
    common, narrow = in_common(OTHER, target)
    report, rows = evaluate(narrow, scored_part(common, "test", narrow), "test", 8, None)
    for key in ("text_stage1", "text_stage2", "bundle_offline", "bundle_first_emission"):
        assert tuple(report[key]["f1"]) == LABELS
        assert report[key]["utterances"] == 4
        assert sum(map(sum, report[key]["confusion"])) == 4
    assert [row[2] for row in rows] == ["anger", "joy", "neutral", "anger"]
    assert {name for row in rows for name in row[3:]} <= set(LABELS)


def test_what_the_target_knows_by_name_is_judged_among_all_it_knows(target: EvaluationTarget) -> None:
    own = corpus(("joy", "anger"), ["joy", "anger", None])
    same, unchanged = in_common(own, target)
    assert same is own
    assert unchanged is target


def test_corpora_with_too_little_in_common_are_refused(target: EvaluationTarget, tmp_path: Path) -> None:
    strange = corpus(("boredom", "angry"), ["angry", "boredom"])
    same, unchanged = in_common(strange, target)
    with pytest.raises(UsageError, match=r"labels that tiny@1 was not trained on: boredom, angry; it knows"):
        scored_part(same, "test", unchanged)
    two = make_bundle(tmp_path, labels=("neutral", "happy", "excited"), words_only=True)
    with pytest.raises(UsageError, match="several labels for one emotion of other: excited, too"):
        in_common(corpus(("neutral", "joy", "fear"), ["joy"]), bundle_target(load_bundle(two)))
