"""What is said of turns, and when it is said anew."""

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.bundle import Bundle
from models.circumplex import arousal
from models.incremental_context import ConversationWindow
from streamer.session.turn_revisions import Conversation, Judgement
from streamer.turn_embedding.analyzer import Utterance
from tests.tiny import LABELS, VOICE, tiny_bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return lively(tiny_bundle(Path(tmp_path_factory.mktemp("bundle"))))


@pytest.fixture(scope="module")
def contextual(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Bundle]:
    """By number of preceding turns that the text encoder reads."""
    return {n: tiny_bundle(Path(tmp_path_factory.mktemp("bundle")), context_turns=n) for n in range(5)}


def lively(bundle: Bundle) -> Bundle:
    """Weights larger than initialised, so that turns get revised."""
    torch.manual_seed(7)
    for parameter in bundle.conversation.parameters():
        torch.nn.init.normal_(parameter, std=0.6)
    if bundle.speech is not None:
        torch.nn.init.normal_(bundle.speech.hidden.weight, std=0.05)
    return bundle


def heard(text: torch.Tensor | None, speech: torch.Tensor | None, words: str = "") -> Utterance:
    return Utterance(words, text, speech)


def run(
    bundle: Bundle, turns: int, seed: int, window: int, threshold: float
) -> list[list[tuple[int, Judgement]]]:
    generator = torch.Generator().manual_seed(seed)
    conversation = Conversation(bundle, window, threshold)
    said = []
    for turn in range(1, turns + 1):
        text, speech = torch.randn(16, generator=generator), torch.randn(VOICE, generator=generator)
        has_words = bool(torch.rand((), generator=generator) < 0.8)
        said.append(conversation.add(turn, heard(text if has_words else None, speech)))
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


def test_a_turn_that_goes_on_is_judged_in_its_context_without_a_trace(bundle: Bundle) -> None:
    conversation, other = Conversation(bundle, revise_above=0.01), Conversation(bundle)
    for turn in (1, 2):
        earlier = heard(torch.randn(16), torch.randn(VOICE))
        conversation.add(turn, earlier)
    now = heard(torch.randn(16), None)
    seems = conversation.provisional(3, now)
    assert conversation.provisional(3, now) == seems
    assert seems.probabilities != other.provisional(3, now).probabilities, "what was said before it counts"
    (number, said), *_ = conversation.add(3, now)
    assert (number, said) == (3, seems)


@pytest.mark.parametrize(("turns", "ago"), [(1, 0), (2, 0), (2, 1), (7, 0), (7, 3), (12, 11)])
def test_a_turn_that_goes_on_takes_its_own_place(contextual: dict[int, Bundle], turns: int, ago: int) -> None:
    torch.manual_seed(turns)
    bundle, which = contextual[2], turns - ago
    each = [heard(torch.randn(16), torch.randn(VOICE), f"turn {turn}") for turn in range(1, turns + 1)]
    whole = heard(torch.randn(16), torch.randn(VOICE), "the whole turn")
    went_on, at_once = Conversation(bundle), Conversation(bundle)
    for turn, utterance in enumerate(each, start=1):
        went_on.add(turn, utterance)
        at_once.add(turn, whole if turn == which else utterance)
    seems = went_on.provisional(which, whole)
    others = [said.text for turn, said in enumerate(each, start=1) if turn != which]
    assert list(went_on.preceding(which)) == others[-2:]
    (number, said), *revised = went_on.replace(which, whole)
    assert (number, said.revision > 0) == (which, True)
    assert said.probabilities == seems.probabilities
    assert which not in dict(revised)
    assert went_on.preceding(99) == at_once.preceding(99)
    (_, one), (_, other) = (conversation.add(turns + 1, each[0])[0] for conversation in (went_on, at_once))
    assert one.revision == other.revision
    assert one.probabilities == pytest.approx(other.probabilities, abs=1e-6)
    assert one.arousal == pytest.approx(other.arousal, abs=1e-6)


def test_a_turn_that_goes_on_after_it_left_the_window_is_judged_as_the_newest(bundle: Bundle) -> None:
    conversation, other = Conversation(bundle, window=1), Conversation(bundle, window=1)
    first, second, whole = (heard(torch.randn(16), torch.randn(VOICE)) for _ in range(3))
    for each in (conversation, other):
        each.add(1, first)
        each.add(2, second)
    assert conversation.replace(1, whole)[0][1] == other.add(3, whole)[0][1]


def test_only_the_modalities_that_are_there_are_reported(bundle: Bundle) -> None:
    conversation = Conversation(bundle)
    [(_, laugh)] = conversation.add(1, heard(None, torch.randn(VOICE)))
    assert set(laugh.modalities) == {"speech"}
    said = dict(conversation.add(2, heard(torch.randn(16), torch.randn(VOICE))))
    assert set(said[2].modalities) == {"text", "speech"}


def test_without_a_speech_path_turns_are_judged_by_words_and_context(tmp_path: Path) -> None:
    conversation = Conversation(lively(tiny_bundle(tmp_path, words_only=True)), revise_above=1.0)
    words = torch.randn(16)
    said = dict(conversation.add(1, heard(words, None)))
    assert set(said[1].modalities) == {"text"}
    assert said[1].modalities["text"] == said[1].probabilities
    [(_, laugh), *_] = conversation.add(2, heard(None, None))
    assert laugh.modalities == {}
    elsewhere = Conversation(lively(tiny_bundle(tmp_path, words_only=True)), revise_above=1.0)
    elsewhere.add(1, heard(-words, None))
    [(_, other), *_] = elsewhere.add(2, heard(None, None))
    assert laugh.probabilities != other.probabilities, "what was said before it counts"


def test_probabilities_are_softened_by_the_temperature(tmp_path: Path) -> None:
    text, speech = torch.randn(16), torch.randn(VOICE)
    said = {}
    for temperature in (1.0, 4.0):
        bundle = lively(tiny_bundle(tmp_path, temperature=temperature))
        [(_, said[temperature])] = Conversation(bundle).add(1, heard(text, speech))
        logits = ConversationWindow(bundle.incremental).append(text, speech)
        parts = {"text": logits.text, "speech": logits.speech}
        for judged, scores in [
            (said[temperature].probabilities, logits.fused),
            *((said[temperature].modalities[name], part) for name, part in parts.items()),
        ]:
            expected = (scores[0] / temperature).softmax(-1).tolist()
            assert list(judged.values()) == pytest.approx(expected, abs=1e-6)
    assert said[4.0].emotion == said[1.0].emotion
    assert max(said[4.0].probabilities.values()) < max(said[1.0].probabilities.values())


@given(st.lists(st.sampled_from(["", "a", "b", "c"]), max_size=12), st.integers(0, 4))
@settings(max_examples=30, deadline=None)
def test_preceding_are_the_words_of_the_latest_turns_that_had_any(
    contextual: dict[int, Bundle], texts: list[str], turns: int
) -> None:
    conversation = Conversation(contextual[turns], window=2)
    for number, text in enumerate(texts):
        spoken = [said for said in texts[:number] if said]
        assert list(conversation.preceding(99)) == spoken[len(spoken) - min(turns, len(spoken)) :]
        conversation.add(number + 1, heard(torch.randn(16) if text else None, torch.randn(VOICE), text))


def test_valence_and_sentiment_follow_from_the_probabilities(bundle: Bundle) -> None:
    for said in run(bundle, 30, 2, 8, 0.1):
        for _, judgement in said:
            p = judgement.probabilities
            assert judgement.valence == pytest.approx(p["joy"] - p["anger"], abs=1e-5)
            names = {"negative": p["anger"], "neutral": p["neutral"], "positive": p["joy"]}
            assert judgement.sentiment == max(names, key=names.__getitem__)


def test_arousal_is_of_emotion_and_voice_and_without_sound_of_the_emotion(bundle: Bundle) -> None:
    voice = torch.randn(VOICE)
    assert bundle.speech is not None
    aroused = float(bundle.speech(voice[None]).plane[0, 0])
    for heard_voice, logit in ((voice, aroused), (None, None)):
        [(_, judgement)] = Conversation(bundle).add(1, heard(torch.randn(16), heard_voice))
        assert judgement.arousal == pytest.approx(arousal(judgement.probabilities, logit), abs=1e-5)


def test_a_voice_is_judged_against_its_own_speaker(bundle: Bundle) -> None:
    voices = torch.randn(3, VOICE)

    def judged(*speakers: str | None) -> Judgement:
        conversation = Conversation(bundle)
        for turn, (voice, speaker) in enumerate(zip(voices, speakers, strict=True)):
            conversation.add(turn, heard(None, voice), speaker)
        seems = conversation.provisional(9, heard(None, voices[0]), speakers[-1])
        (_, said), *_ = conversation.add(9, heard(None, voices[0]), speakers[-1])
        assert said == seems
        return said

    assert judged("A", "A", "A") == judged("B", "B", "B") == judged(None, None, None)
    assert judged("A", "B", "A").arousal != judged("A", "A", "A").arousal != judged("A", "A", "B").arousal
