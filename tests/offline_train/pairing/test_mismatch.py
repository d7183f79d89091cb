"""Pairs that are as trustworthy as each modality is."""

import pytest
import torch

from offline_train.batches.sequences import Embedded
from offline_train.pairing.mismatch import Pool, share_to_keep, trust, with_mismatched_text, with_speech

TRAINING = [[95, 5, 0], [10, 90, 0], [0, 0, 100]]
VALIDATION = [[60, 30, 10], [20, 70, 10], [50, 0, 50]]


def dialogue(labels: list[int]) -> Embedded:
    turns = len(labels)
    present = torch.tensor([[True, False]] * turns)
    return Embedded(torch.zeros(turns, 4), torch.zeros(turns, 0), present, torch.tensor(labels))


def pool() -> Pool:
    """The embedding of a clip is the emotion it shows."""
    labels = torch.arange(3).repeat(10)
    return Pool.of(labels[:, None].float().expand(-1, 4), labels, 3)


def test_matched_pairs_show_the_emotion_of_the_turn() -> None:
    shown = with_speech(dialogue([0, 2, 1, 1]), pool(), torch.Generator().manual_seed(1))
    assert shown.speech[:, 0].tolist() == [0, 2, 1, 1]
    assert shown.present.all()


def test_as_many_are_mismatched_as_make_training_recall_equal_validation_recall() -> None:
    generator = torch.Generator().manual_seed(1)
    trusted = trust(TRAINING, VALIDATION)
    for emotion, (seen, unseen) in enumerate([(0.95, 0.6), (0.9, 0.7), (1.0, 0.5)]):
        shown = with_speech(dialogue([emotion] * 20_000), pool(), generator, trusted).speech[:, 0]
        matched = float((shown == emotion).float().mean())
        assert matched * seen == pytest.approx(unseen, abs=0.015)


def test_mismatched_pairs_show_what_the_modality_is_mistaken_for() -> None:
    generator = torch.Generator().manual_seed(1)
    shown = with_speech(dialogue([0] * 20_000), pool(), generator, trust(TRAINING, VALIDATION)).speech[:, 0]
    wrong = shown[shown != 0]
    assert float((wrong == 1).float().mean()) == pytest.approx(0.75, abs=0.02)
    shown = with_speech(dialogue([2] * 1000), pool(), generator, trust(TRAINING, VALIDATION)).speech[:, 0]
    assert not (shown == 1).any()


def test_a_modality_that_does_as_well_on_new_data_is_never_mismatched() -> None:
    assert not trust(VALIDATION, VALIDATION).mismatch.any()


def test_words_are_replaced_only_where_mismatched() -> None:
    data = dialogue([0] * 1000)
    shown = with_mismatched_text(data, pool(), torch.Generator().manual_seed(1), trust(TRAINING, VALIDATION))
    changed = shown.text[:, 0] != 0
    assert float(changed.float().mean()) == pytest.approx(1 - 0.6 / 0.95, abs=0.05)
    assert torch.equal(shown.labels, data.labels)


def test_a_class_without_clips_is_refused() -> None:
    with pytest.raises(ValueError, match="class 2"):
        Pool.of(torch.zeros(2, 4), torch.tensor([0, 1]), 3)


def test_pairs_can_be_made_weaker_until_a_score_comes_down_to_a_target() -> None:
    trusted = trust(VALIDATION, VALIDATION)
    assert share_to_keep(lambda kept: 80 * kept, target=60) == pytest.approx(0.75, abs=0.01)
    assert share_to_keep(lambda kept: 50 * kept, target=60) == 1.0
    shown = with_speech(dialogue([1] * 20_000), pool(), torch.Generator().manual_seed(1), trusted.weaker(0.7))
    assert float((shown.speech[:, 0] == 1).float().mean()) == pytest.approx(0.7, abs=0.02)
