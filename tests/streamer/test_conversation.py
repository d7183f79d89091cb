"""What is said of turns, and when it is said anew."""

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.bundle import Bundle
from streamer.conversation import Conversation, Judgement
from tests.tiny import LABELS, tiny_bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    bundle = tiny_bundle(Path(tmp_path_factory.mktemp("bundle")))
    torch.manual_seed(5)
    for parameter in bundle.conversation.parameters():  # livelier than initialised, so that turns get revised
        torch.nn.init.normal_(parameter, std=0.6)
    return bundle


def run(
    bundle: Bundle, turns: int, seed: int, window: int, threshold: float
) -> list[list[tuple[int, Judgement]]]:
    generator = torch.Generator().manual_seed(seed)
    conversation = Conversation(bundle, window, threshold)
    said = []
    for turn in range(1, turns + 1):
        text, speech = torch.randn(16, generator=generator), torch.randn(8, generator=generator)
        has_words = bool(torch.rand((), generator=generator) < 0.8)
        said.append(conversation.add(turn, text if has_words else None, speech))
    return said


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.integers(0, 1000), st.integers(1, 12), st.floats(0.01, 0.5))
def test_every_turn_has_one_final_word_first_and_numbered_revisions(
    bundle: Bundle, turns: int, seed: int, window: int, threshold: float
) -> None:
    latest: dict[int, Judgement] = {}
    for number, said in enumerate(run(bundle, turns, seed, window, threshold), start=1):
        assert said[0][0] == number
        assert said[0][1].revision == 0
        assert [turn for turn, _ in said[1:]] == sorted({turn for turn, _ in said[1:]})
        for turn, judgement in said:
            assert turn > number - window, "a turn that left the window is closed"
            assert sum(judgement.probabilities.values()) == pytest.approx(1, abs=1e-5)
            assert judgement.emotion == max(judgement.probabilities, key=judgement.probabilities.__getitem__)
            before = latest.get(turn)
            if before is not None:
                moved = max(abs(judgement.probabilities[e] - before.probabilities[e]) for e in LABELS)
                assert judgement.revision == before.revision + 1
                assert judgement.emotion != before.emotion or moved > threshold
            latest[turn] = judgement
    assert len(latest) == turns


def test_revisions_happen_and_a_high_threshold_leaves_only_changes_of_emotion(bundle: Bundle) -> None:
    eager = sum(len(said) - 1 for said in run(bundle, 60, 1, 16, 0.02))
    calm = sum(len(said) - 1 for said in run(bundle, 60, 1, 16, 1.0))
    assert eager > calm > 0


def test_only_the_modalities_that_are_there_are_reported(bundle: Bundle) -> None:
    conversation = Conversation(bundle)
    [(_, laugh)] = conversation.add(1, None, torch.randn(8))
    assert set(laugh.modalities) == {"speech"}
    said = dict(conversation.add(2, torch.randn(16), torch.randn(8)))
    assert set(said[2].modalities) == {"text", "speech"}


def test_valence_and_sentiment_follow_from_the_probabilities(bundle: Bundle) -> None:
    for said in run(bundle, 30, 2, 8, 0.1):
        for _, judgement in said:
            p = judgement.probabilities
            assert judgement.valence == pytest.approx(p["joy"] - p["anger"], abs=1e-5)
            names = {"negative": p["anger"], "neutral": p["neutral"], "positive": p["joy"]}
            assert judgement.sentiment == max(names, key=names.__getitem__)
