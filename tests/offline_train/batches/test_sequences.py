"""Conversations as batches, with parts removed, and words as a recogniser hears them."""

import torch

from offline_train.batches.sequences import UNSCORED, Embedded, Scarcity, collate


def conversation(turns: int) -> Embedded:
    numbers = torch.arange(1.0, turns + 1)[:, None]
    certainty = torch.stack([torch.ones(turns), torch.full((turns,), 0.6)], 1)
    return Embedded(
        numbers, -numbers, torch.ones(turns, 2) > 0, torch.zeros(turns, dtype=torch.long), None, certainty
    )


def test_padding_has_no_evidence() -> None:
    batch = collate([conversation(3), conversation(1)])
    expected = torch.tensor([[1, 0.6]] * 3)
    torch.testing.assert_close(batch.evidence[0], expected)
    assert batch.evidence[1].tolist() == [[1, torch.tensor(0.6).item()], [0, 0], [0, 0]]
    assert batch.labels[1].tolist() == [0, UNSCORED, UNSCORED]


def test_a_recogniser_is_as_often_right_as_it_is_sure() -> None:
    scarcity = Scarcity(prefix=0, turn_text=0, turn_speech=0, recognised=1)
    told = scarcity.apply(conversation(20_000), torch.Generator().manual_seed(0))
    assert told.certainty is not None
    sure = told.certainty[:, 0]
    right = told.text[:, 0] == torch.arange(1, 20_001)
    for low, high in ((0.0, 0.7), (0.7, 0.9), (0.9, 1.0)):
        some = (sure >= low) & (sure < high)
        assert abs(right[some].float().mean() - sure[some].mean()) < 0.03
    assert torch.equal(told.certainty[:, 1], torch.full((20_000,), 0.6))
    assert torch.equal(told.speech, conversation(20_000).speech)


def test_words_of_a_turn_without_any_are_none() -> None:
    said = conversation(200)
    said.present[::2, 0] = False
    told = Scarcity(prefix=0, turn_text=0, turn_speech=0, recognised=1).apply(
        said, torch.Generator().manual_seed(0)
    )
    wordless = told.text[:, 0] % 2 == 1
    assert torch.equal(told.present[:, 0], ~wordless)
