"""Histories: whose turns, in which order, and which of them a training turn is judged against."""

import numpy as np
import pytest
import torch

from models.speaker_means import usual
from models.speech_classifier import SpeechClassifier, SpeechConfig
from offline_train.batches.histories import Histories, HistorySettings, turns_of
from offline_train.batches.sequences import UNSCORED
from offline_train.batches.speech import DrawnBatches, Voices, turn_weights, usual_in_order
from offline_train.corpora.corpus import Conversation, Corpus, Utterance


def utterance(name: str, speaker: str | None, label: str | None = "anger") -> Utterance:
    return Utterance(name, None, label, speaker=speaker)


def corpus(*conversations: Conversation) -> Corpus:
    return Corpus("made", ("anger",), {"train": conversations, "validation": [], "test": []})


def test_clips_are_turns_of_their_speaker_in_no_order_of_names() -> None:
    names = [f"{emotion}{number}" for emotion in "abc" for number in range(9)]
    made = corpus(*(Conversation(name, (utterance(name, "x"),)) for name in names))
    turns = turns_of(made, "train")
    assert {turn.speaker for turn in turns} == {"x"}
    found = [turn.utterance.id for turn in turns]
    assert sorted(found) == names != found
    assert found == [turn.utterance.id for turn in turns_of(made, "train")]
    assert len({name[0] for name in found[:6]}) > 1


def test_a_conversation_keeps_its_order_and_its_speakers() -> None:
    said = tuple(utterance(f"u{number}", "AB"[number % 2]) for number in range(6))
    turns = turns_of(corpus(Conversation("one", said), Conversation("two", said)), "train")
    assert [turn.utterance.id for turn in turns] == [each.id for each in (*said, *said)]
    assert len({turn.speaker for turn in turns}) == 4
    nobody = turns_of(corpus(*(Conversation(name, (utterance(name, None),)) for name in "ab")), "train")
    assert len({turn.speaker for turn in nobody}) == 2


def test_earlier_turns_are_others_of_the_speaker() -> None:
    speakers = [0] * 30 + [1] * 2 + [2]
    countable = torch.tensor([True] * 29 + [False] * 1 + [True] * 3)
    ordinary = torch.zeros(33, dtype=torch.bool)
    histories = Histories(speakers, countable, ordinary, HistorySettings(none=0.2, most=5))
    generator = torch.Generator().manual_seed(0)
    sizes = []
    for _ in range(400):
        drawn = histories.draw(3, generator).tolist()
        assert len(drawn) <= 5
        assert not {3, 29, 30, 31, 32} & set(drawn)
        sizes.append(len(drawn))
    assert np.mean(np.array(sizes) == 0) == pytest.approx(0.2, abs=0.06)
    assert set(sizes) == set(range(6))
    assert {number for _ in range(20) for number in histories.draw(30, generator).tolist()} == {31}
    assert max(len(histories.draw(30, generator)) for _ in range(100)) == 5  # as long as anybody's
    assert not len(histories.draw(32, generator))


def test_ordinary_speech_is_also_heard_among_strangers() -> None:
    speakers = [0] * 3 + [1] * 3 + [2] * 3
    ordinary = torch.arange(9) >= 3
    settings = HistorySettings(none=0.0, most=1, strangers=0.5)
    histories = Histories(speakers, torch.ones(9, dtype=torch.bool), ordinary, settings)
    generator = torch.Generator().manual_seed(0)
    drawn = [int(histories.draw(3, generator)) for _ in range(400)]
    assert set(drawn) == {4, 5, 6, 7, 8}
    own = 0.5 + 0.5 * 2 / 5
    assert np.mean([speakers[each] == 1 for each in drawn]) == pytest.approx(own, abs=0.07)
    assert {int(histories.draw(0, generator)) for _ in range(100)} == {1, 2}


def voices(count: int = 40, variants: int = 3) -> Voices:
    """Each value tells its turn, and its variant by thousands."""
    rows = torch.arange(count).float()[:, None, None] + 1000 * torch.arange(variants).float()[:, None]
    labels = torch.tensor([UNSCORED if number % 10 == 9 else number % 3 for number in range(count)])
    return Voices(
        rows.expand(-1, -1, 4).clone(),
        labels,
        [number % 5 for number in range(count)],
        ["one" if number < 30 else "two" for number in range(count)],
        torch.arange(count) >= 30,
    )


def test_a_batch_is_of_one_microphone_an_item() -> None:
    made, speech = voices(), SpeechClassifier(4, SpeechConfig(width=8, classes=3, prior_turns=2.0))
    speech.prior.fill_(7.0)
    histories = Histories(
        made.speakers, made.countable, made.ordinary, HistorySettings(none=0.0, most=1, strangers=0.0)
    )
    weights = torch.arange(40).float()

    def epoch(seed: int) -> DrawnBatches:
        generator = torch.Generator().manual_seed(seed)
        return DrawnBatches(made, weights, histories, speech, 12, generator)

    assert len(epoch(1)) == 3
    seen = []
    for batch in epoch(1):
        for embedding, expected, label, weight in zip(
            batch.embeddings, batch.usual, batch.labels, batch.weights, strict=True
        ):
            variant, turn = divmod(int(embedding[0]), 1000)
            seen.append(turn)
            assert (int(label), float(weight)) == (turn % 3, turn)
            earlier = 3 * expected[0] - 2 * 7.0  # undoes `usual`
            assert round(float(earlier)) // 1000 == variant
            assert round(float(earlier)) % 1000 % 5 == turn % 5
            assert round(float(earlier)) % 1000 != turn
    assert len(set(seen)) == 36
    assert not {number for number in seen if number % 10 == 9}
    assert torch.equal(epoch(1)[2].usual, list(epoch(1))[2].usual)
    assert not torch.equal(epoch(1)[0].embeddings, epoch(2)[0].embeddings)


def test_in_order_the_turns_before_count() -> None:
    made, speech = voices(), SpeechClassifier(4, SpeechConfig(width=8, classes=3))
    rows = usual_in_order(made, speech)
    assert torch.equal(rows[:5], speech.prior.expand(5, -1))
    assert torch.equal(rows[12], usual(speech.prior, 4.0, torch.full((4,), 2.0 + 7.0), 2))


def test_weights_balance_the_emotions_of_every_corpus() -> None:
    made = voices()
    assert set(turn_weights(made, 0.0, 3.0)[made.scored].tolist()) == {1.0, 3.0}
    weights = turn_weights(made, 1.0, 1.0)
    sums = {
        (name, label): sum(
            float(weight)
            for weight, *cell in zip(weights, made.origins, made.labels.tolist(), strict=True)
            if cell == [name, label]
        )
        for name in ("one", "two")
        for label in range(3)
    }
    assert list(sums.values()) == pytest.approx([6.0] * 6)
