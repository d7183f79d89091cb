"""Dialogues spoken by actors, and clips in their own emotion; their sound tells which they are."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from models.speech_classifier import SpeechClassifier, SpeechConfig
from offline_train.batches.sequences import Embedded
from offline_train.corpora.corpus import Conversation, Utterance
from offline_train.corpora.emotions import EMOTIONS
from offline_train.embeddings.speech import Sound, judge_sound
from offline_train.errors import UsageError
from offline_train.pairing.acted import always_acted, neutral_words, with_borrowed_words
from offline_train.pairing.clips import Clips
from offline_train.pairing.pairs import Dialogue, always_spoken, dialogues_of, spoken
from offline_train.pairing.prosody import MEASURES
from offline_train.pairing.spoken_corpus import PairingSettings, SpokenCorpus

ACTORS, EACH, ORDINARY = 3, 8, 4


@pytest.fixture
def speech() -> SpeechClassifier:
    torch.manual_seed(0)
    return SpeechClassifier(2, SpeechConfig(width=64, classes=7)).eval()


def whole(embeddings: Tensor) -> Sound:
    return Sound(embeddings, torch.ones(len(embeddings), dtype=torch.bool), torch.ones(len(embeddings)))


@pytest.fixture
def clips() -> Clips:
    """Of three actors and four others; a clip's sound is (speaker, number), its pitch the number."""
    speakers = torch.cat([torch.arange(ACTORS).repeat_interleave(EACH), ACTORS + torch.arange(ORDINARY)])
    numbers = torch.cat([torch.arange(EACH).repeat(ACTORS), torch.zeros(ORDINARY, dtype=torch.long)])
    prosody = torch.zeros(len(speakers), MEASURES)
    prosody[:, 3] = numbers - EACH / 2
    rows = [(speakers == each).nonzero()[:, 0] for each in range(ACTORS + ORDINARY)]
    acts = speakers < ACTORS
    return Clips(
        whole(torch.stack([speakers, numbers], 1).float()),
        prosody,
        torch.where(acts, numbers % 7, 0),
        torch.full((len(speakers), 4), -1.0),
        acts,
        speakers,
        tuple(rows[:ACTORS]),
        tuple(rows[ACTORS:]),
    )


def dialogue(pitches: list[float], speakers: str) -> Dialogue:
    turns = len(pitches)
    prosody = torch.zeros(turns, MEASURES)
    prosody[:, 3] = torch.tensor(pitches)
    present = torch.tensor([[True, False]] * turns)
    words = Embedded(
        torch.ones(turns, 4), torch.zeros(turns, 0), present, torch.zeros(turns, dtype=torch.long)
    )
    return Dialogue(words, prosody, tuple(speakers))


def heard(conversation: Embedded, clips: Clips, speech: SpeechClassifier, speakers: str) -> list[list[int]]:
    """Who speaks each turn, and with which clip: that whose S1 the turn has."""
    found: list[list[int]] = []
    for turn in range(len(conversation)):
        for sound in clips.sound.embeddings.tolist():
            s1 = judge_sound(speech, whole(torch.tensor([*found, sound]).float()), speakers[: turn + 1])
            if torch.allclose(s1[-1], conversation.speech[turn], atol=1e-5):
                found.append([int(each) for each in sound])
                break
        else:
            pytest.fail(f"turn {turn} is no clip")
    return found


def test_each_speaker_has_an_actor_and_each_turn_the_nearest_clip(
    clips: Clips, speech: SpeechClassifier
) -> None:
    said = dialogue([-4, 3, -1, 2.9, 0], "ABABA")
    (one,) = always_spoken([said], clips, speech)
    found = heard(one, clips, speech, "ABABA")
    assert [number for _, number in found] == [0, 7, 3, 7, 4]
    assert found[0][0] == found[2][0] == found[4][0]
    assert found[1][0] == found[3][0] != found[0][0]
    assert all(who < ACTORS for who, _ in found)
    assert one.present.all()
    (again,) = always_spoken([said], clips, speech)
    assert torch.equal(again.speech, one.speech)


def test_in_training_actors_change_and_clips_are_among_the_nearest(
    clips: Clips, speech: SpeechClassifier
) -> None:
    said = dialogue([0.0], "A")
    generator = torch.Generator().manual_seed(0)
    shown = [heard(spoken(said, clips, speech, generator, 3), clips, speech, "A")[0] for _ in range(40)]
    assert {who for who, _ in shown} == set(range(ACTORS))
    assert {number for _, number in shown} == {3, 4, 5}


def test_speakers_that_nobody_tells_apart_are_judged_beside_each_other(
    clips: Clips, speech: SpeechClassifier
) -> None:
    said = dialogue([-4, 3], "AB")
    (known,), (strangers,) = (always_spoken([said], clips, speech, strangers=each) for each in (False, True))
    assert torch.equal(known.speech[0], strangers.speech[0])
    assert not torch.allclose(known.speech[1], strangers.speech[1])


def test_a_turn_of_which_nothing_is_known_is_silent(clips: Clips, speech: SpeechClassifier) -> None:
    said = dialogue([1, 2], "AA")
    said.prosody[1] = torch.nan
    (one,) = always_spoken([said], clips, speech)
    assert one.present.tolist() == [[True, True], [True, False]]
    assert not one.speech[1].any()
    mute = Conversation("c", (Utterance("u", "x", None),))
    with pytest.raises(UsageError, match="prosody"):
        dialogues_of([said.words], [mute])


def test_every_clip_is_judged_once_in_its_own_emotion(clips: Clips, speech: SpeechClassifier) -> None:
    found = always_acted(clips, speech)
    labels = torch.cat([each.labels for each in found])
    assert labels.bincount(minlength=7).tolist() == clips.labels.bincount(minlength=7).tolist()
    assert all(each.present[:, 1].all() for each in found)
    assert sorted(len(each) for each in found) == [ORDINARY, EACH, EACH, EACH]
    ordinary = found[-1]
    assert not ordinary.present[:, 0].any()
    assert not ordinary.labels.any()


def test_borrowed_words_are_those_of_neutral_turns() -> None:
    words = dialogue([0.0] * 200, "A" * 200).words
    labels = torch.arange(200) % 7
    source = replace(words, text=labels[:, None].expand(-1, 4).float(), labels=labels)
    others = neutral_words([source], EMOTIONS.index("neutral"))
    assert not others.any()
    mine = replace(words, present=words.present & (torch.arange(200) < 100)[:, None])
    shown = with_borrowed_words(mine, others, 0.5, torch.Generator().manual_seed(0))
    borrowed = shown.text[:, 0] == 0
    assert 30 < int(borrowed[:100].sum()) < 70
    assert not borrowed[100:].any()


def test_an_epoch_has_as_many_of_each_kind_as_was_asked_for(clips: Clips, speech: SpeechClassifier) -> None:
    dialogues = [dialogue([0.0, 1.0], "AB") for _ in range(40)]
    corpus = SpokenCorpus({"train": dialogues}, {"train": clips}, speech)
    generator = torch.Generator().manual_seed(0)
    settings = PairingSettings(acted=0.5, ordinary=0.5, borrowed=0.0)
    shown = corpus.epoch(settings, generator, silent=0.25)
    assert len(shown) == 80
    silent = sum(not each.present[:, 1].any() for each in shown[:40])
    assert 3 < silent < 20
    acted = shown[40:]
    assert all(each.present[:, 1].all() for each in acted)
    wordless = sum(not each.present[:, 0].any() for each in acted)
    assert 10 < wordless < 30
    assert len(corpus.epoch(settings, generator)) == 80
    with pytest.raises(ValueError, match="must leave"):
        PairingSettings(acted=1.0)
