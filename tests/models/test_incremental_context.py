"""The incremental form against the offline one (the contract of DESIGN section 4)."""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from random import Random

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from models.coattention import CoAttentionConfig
from models.context_encoder import BiGRULayer, ContextConfig, ContextEncoder
from models.conversation import ConversationConfig, ConversationModel, Logits, one_conversation
from models.incremental_context import ConversationWindow, IncrementalModel
from models.incremental_voice import SPEAKERS
from models.speaker_means import usual_of_turns
from models.speech_classifier import SpeechClassifier, SpeechConfig

TEXT, SPEECH, CLASSES, VOICE = 12, 8, 5, 10


def build(seed: int, layers: int, *, words_only: bool = False) -> ConversationModel:
    torch.manual_seed(seed)
    text = ContextConfig(TEXT, hidden=8, layers=layers, heads=2, classes=CLASSES)
    speech = ContextConfig(SPEECH, hidden=6, layers=layers, heads=3, classes=CLASSES, skip=seed % 2 > 0)
    fusion = CoAttentionConfig(16, 12, width=12, heads=3, classes=CLASSES, weighed=seed % 3 > 0)
    config = ConversationConfig(text) if words_only else ConversationConfig(text, speech, fusion)
    model = ConversationModel(config)
    for parameter in model.parameters():  # larger than initialised, so that differences would show
        torch.nn.init.normal_(parameter, std=0.5)
    return model.eval()


def listener(seed: int) -> SpeechClassifier:
    torch.manual_seed(seed)
    speech = SpeechClassifier(VOICE, SpeechConfig(width=SPEECH, classes=CLASSES, hidden=7, prior_turns=1.5))
    for parameter in speech.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    speech.measure(1 + 0.5 * torch.randn(20, VOICE))
    return speech.eval()


def conversation(seed: int, turns: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    text = torch.randn(turns, TEXT, generator=generator)
    speech = torch.randn(turns, SPEECH, generator=generator)
    share = torch.rand(2, generator=generator).round(decimals=1)  # some have no words, or no sound, at all
    present = torch.rand(turns, 2, generator=generator) < share
    return text, speech, present * (1 - torch.rand(turns, 2, generator=generator))


def stream(model: ConversationModel, size: int, data: tuple[Tensor, Tensor, Tensor]) -> list[Logits]:
    window = ConversationWindow(IncrementalModel(model, None), size)
    return [
        window.append(t if e[0] else None, s if e[1] else None, evidence=(float(e[0]), float(e[1])))
        for t, s, e in zip(*data, strict=True)
    ]


def assert_same(one: Logits, other: Logits) -> None:
    for a, b in zip(one[:3], other[:3], strict=True):
        torch.testing.assert_close(a.softmax(-1), b.softmax(-1), atol=1e-5, rtol=0)
    torch.testing.assert_close(one.plane, other.plane, atol=1e-5, rtol=1e-5)


seeds = st.integers(0, 2**31 - 1)


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=seeds,
    layers=st.integers(1, 3),
    turns=st.integers(1, 64),
    spare=st.integers(0, 64),
    words_only=st.booleans(),
)
def test_equals_the_offline_model_while_the_conversation_fits(
    seed: int, layers: int, turns: int, spare: int, words_only: bool
) -> None:
    model = build(seed, layers, words_only=words_only)
    data = conversation(seed, turns)
    states = stream(model, min(turns + spare, 64), data)
    with torch.inference_mode():
        for k, state in enumerate(states, start=1):
            assert_same(state, one_conversation(model, *(each[:k] for each in data)))


class Reference:
    """The windowed definition written out: one modality, all recomputed, states kept by turn number."""

    def __init__(self, encoder: ContextEncoder, features: Tensor, present: Tensor) -> None:
        self.encoder = encoder
        self.layers = [layer for layer in encoder.layers if isinstance(layer, BiGRULayer)]
        self.x = encoder.inputs(features, present)
        # forward state of every layer after every turn, as it was when the turn was last judged
        self.last: list[dict[int, Tensor]] = [{} for _ in encoder.layers]

    def judge(self, first: int, last: int) -> tuple[Tensor, Tensor]:
        x = self.x[first : last + 1]
        for depth, layer in enumerate(self.layers):
            if depth == 0:
                ahead = layer.forward_gru(self.x[None, : last + 1])[0][0, first:]
            else:
                start = self.last[depth].get(first - 1, torch.zeros(self.encoder.config.hidden))
                ahead = layer.forward_gru(x[None], start[None, None])[0][0]
            self.last[depth] |= {first + i: state for i, state in enumerate(ahead)}
            back = layer.backward_gru(x.flip(0)[None])[0][0].flip(0)
            x = torch.cat([ahead, back], dim=-1)
        read = self.x[None, first : last + 1] if self.encoder.config.skip else None
        return self.encoder.attend(x[None], read, torch.ones(1, len(x), dtype=torch.bool))


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=seeds,
    layers=st.integers(1, 3),
    turns=st.integers(2, 200),
    size=st.integers(1, 64),
    words_only=st.booleans(),
)
def test_beyond_the_window_backward_and_attention_see_the_window_alone(
    seed: int, layers: int, turns: int, size: int, words_only: bool
) -> None:
    model = build(seed, layers, words_only=words_only)
    text, speech, evidence = data = conversation(seed, turns)
    states = stream(model, size, data)
    with torch.inference_mode():
        reading = Reference(model.text, text, evidence[:, 0] > 0)
        hearing = None if model.speech is None else Reference(model.speech, speech, evidence[:, 1] > 0)
        for newest, state in enumerate(states):
            first = max(0, newest + 1 - size)
            words = reading.judge(first, newest)
            sound = None if hearing is None else hearing.judge(first, newest)
            seen = evidence[None, first : newest + 1]
            fused = model.fuse(words, sound, seen, torch.ones(seen.shape[:2], dtype=torch.bool))
            plane = speech[first : newest + 1, -2:] * (seen[0, :, 1:] > 0) * (not words_only)
            assert_same(state, Logits(*(each[0] for each in (*fused, plane[None]))))


@settings(max_examples=20, deadline=None)
@given(seed=seeds, lengths=st.lists(st.integers(1, 12), min_size=2, max_size=5))
def test_padding_and_neighbours_change_nothing(seed: int, lengths: list[int]) -> None:
    model = build(seed, 2)
    parts = [conversation(seed + i, length) for i, length in enumerate(lengths)]
    longest = max(lengths)
    text, speech = (
        torch.full((len(parts), longest, TEXT), 9.0),
        torch.full((len(parts), longest, SPEECH), -9.0),
    )
    evidence = torch.zeros(len(parts), longest, 2)
    turns = torch.zeros(len(parts), longest, dtype=torch.bool)
    for i, (t, s, e) in enumerate(parts):
        text[i, : len(t)], speech[i, : len(t)], evidence[i, : len(t)], turns[i, : len(t)] = t, s, e, True
    with torch.inference_mode():
        together = model(text, speech, evidence, turns)
        for i, part in enumerate(parts):
            assert_same(Logits(*(each[i, : lengths[i]] for each in together)), one_conversation(model, *part))


def test_a_conversation_without_sound_is_judged_by_its_words_whatever_the_speech_network_says() -> None:
    model = build(3, 1)
    text, speech, evidence = conversation(3, 9)
    evidence[:, 0], evidence[:, 1] = 1, 0
    before = one_conversation(model, text, speech, evidence)
    assert model.speech is not None
    for parameter in model.speech.parameters():
        torch.nn.init.normal_(parameter)
    after = one_conversation(model, text, speech, evidence)
    torch.testing.assert_close(before.fused, after.fused)
    assert not torch.allclose(before.speech, after.speech)


def test_without_a_speech_path_the_words_are_all_there_is() -> None:
    model = build(4, 2, words_only=True)
    text, speech, evidence = conversation(4, 9)
    with torch.inference_mode():
        heard = one_conversation(model, text, speech, evidence)
        unheard = one_conversation(model, text, torch.zeros(9, 0), evidence * torch.tensor([1, 0]))
    assert_same(heard, unheard)
    assert torch.equal(heard.fused, heard.text)
    assert not heard.speech.any()


def test_speech_and_fusion_go_together() -> None:
    with pytest.raises(ValueError, match="together"):
        ConversationConfig(ContextConfig(TEXT), speech=ContextConfig(SPEECH))


def test_memory_does_not_grow_with_the_conversation() -> None:
    model = build(1, 2)
    window = ConversationWindow(IncrementalModel(model, listener(1)), 8)
    assert window._voices is not None

    def held() -> int:
        parts = (window, window._text, window._speech)
        return sum(a.size for part in parts for a in vars(part).values() if isinstance(a, np.ndarray))

    sizes, speakers = set(), set()
    for turn in range(300):
        said = window.append(torch.randn(TEXT), torch.randn(VOICE), f"speaker {turn}")
        assert len(said.fused) == min(turn + 1, 8)
        sizes.add(held())
        speakers.add(len(window._voices._histories))
    assert len(sizes) == 1
    assert sizes.pop() > 0
    assert max(speakers) == SPEAKERS
    assert len(window._voices._turns) == 8


@settings(max_examples=20, deadline=None)
@given(seeds, st.integers(1, 3), st.integers(1, 6), st.integers(1, 20), st.booleans())
def test_a_glance_is_what_is_said_of_the_turn_and_leaves_no_trace(
    seed: int, layers: int, size: int, turns: int, words_only: bool
) -> None:
    model = IncrementalModel(build(seed, layers, words_only=words_only), None)
    glancing, plain = ConversationWindow(model, size), ConversationWindow(model, size)
    for text, speech, evidence in zip(*conversation(seed, turns), strict=True):
        words, sound = evidence.tolist()
        turn = text if words else None, speech if sound else None, None, (words, sound)
        glancing.glance(torch.zeros(TEXT), torch.ones(SPEECH))
        seen = glancing.glance(*turn)
        said = plain.append(*turn)
        assert_same(glancing.append(*turn), said)
        assert_same(seen, Logits(*(each[-1:] for each in said)))
        assert len(glancing) == len(plain)


@settings(max_examples=15, deadline=None)
@given(seed=seeds, layers=st.integers(1, 3), turns=st.integers(1, 16), ago=st.integers(0, 15))
def test_a_turn_in_the_place_of_another_is_judged_as_if_it_had_been_there(
    seed: int, layers: int, turns: int, ago: int
) -> None:
    model, age = build(seed, layers), min(ago, turns - 1)
    text, speech, _ = conversation(seed, turns + 1)
    window = ConversationWindow(IncrementalModel(model, None), 16)
    for t, s in zip(text[:turns], speech[:turns], strict=True):
        window.append(t, s)
    seems = window.glance(text[turns], speech[turns], evidence=(0.5, 0.25), age=age)
    now = window.replace(age, text[turns], speech[turns], (0.5, 0.25))
    order = [*range(turns)]
    order[turns - 1 - age] = turns
    with torch.inference_mode():
        evidence = torch.ones(turns, 2)
        evidence[turns - 1 - age] = torch.tensor([0.5, 0.25])
        assert_same(now, one_conversation(model, text[order], speech[order], evidence))
    assert_same(seems, Logits(*(each[turns - 1 - age : turns - age] for each in now)))


@settings(max_examples=10, deadline=None)
@given(seed=seeds, turns=st.integers(1, 60), size=st.integers(1, 8))
def test_the_same_turn_in_its_own_place_changes_nothing_however_long_the_conversation(
    seed: int, turns: int, size: int
) -> None:
    text, speech, _ = conversation(seed, turns)
    window = ConversationWindow(IncrementalModel(build(seed, 2), None), size)
    for t, s in zip(text, speech, strict=True):
        before = window.append(t, s)
    for age in range(len(window)):
        at = turns - 1 - age
        assert_same(window.replace(age, text[at], speech[at]), before)
    with pytest.raises(IndexError):
        window.replace(len(window), text[0], speech[0])


@dataclass
class Talk:
    """A conversation of several speakers, as its turns are now."""

    speech: SpeechClassifier
    text: list[Tensor | None] = field(default_factory=list)
    voice: list[Tensor | None] = field(default_factory=list)
    speakers: list[Hashable] = field(default_factory=list)
    evidence: list[tuple[float, float]] = field(default_factory=list)

    def append(
        self,
        text: Tensor | None,
        voice: Tensor | None,
        speaker: Hashable,
        evidence: tuple[float, float],
    ) -> None:
        self.text.append(text)
        self.voice.append(voice)
        self.speakers.append(speaker)
        self.evidence.append(evidence)

    @property
    def offline(self) -> tuple[Tensor, Tensor, Tensor]:
        """T1 [K, TEXT], S1 [K, SPEECH] by the offline definition, and their evidence [K, 2]."""
        text = torch.stack([torch.zeros(TEXT) if each is None else each for each in self.text])
        voice = torch.stack([torch.full((VOICE,), 9.0) if each is None else each for each in self.voice])
        present = torch.tensor(
            [[t is not None, v is not None] for t, v in zip(self.text, self.voice, strict=True)]
        )
        config, prior = self.speech.config, self.speech.prior
        usual = usual_of_turns(voice, self.speakers, present[:, 1], prior, config.prior_turns)
        return text, self.speech(voice, usual).s1, present * torch.tensor(self.evidence)


def turn_of(random: Random, generator: torch.Generator) -> tuple[Tensor | None, Tensor | None]:
    text = torch.randn(TEXT, generator=generator) if random.random() < 0.8 else None
    voice = 1 + torch.randn(VOICE, generator=generator) if random.random() < 0.8 else None
    if voice is not None and random.random() < 0.1:
        voice[random.randrange(VOICE)] = torch.nan
    return text, voice


def goes(seed: int, size: int, steps: int, layers: int) -> Iterator[tuple[Talk, ConversationModel, Logits]]:
    """A conversation step by step: turns are added, replaced, and glanced at, which leaves no trace."""
    random, generator = Random(seed), torch.Generator().manual_seed(seed)
    model, speech = build(seed, layers), listener(seed)
    window, talk = ConversationWindow(IncrementalModel(model, speech), size), Talk(speech)
    everybody = [None, "Ross", "Rachel", 3][: random.randint(1, 4)]
    for _ in range(steps):
        text, voice = turn_of(random, generator)
        age = random.randrange(len(window)) if len(window) and random.random() < 0.4 else None
        speaker = random.choice(everybody)
        evidence = 1 - random.random(), 1 - random.random()
        seems = window.glance(text, voice, speaker, evidence, age)
        if age is None:
            talk.append(text, voice, speaker, evidence)
            now = window.append(text, voice, speaker, evidence)
            at = len(window) - 1
        else:
            talk.text[-1 - age], talk.voice[-1 - age], talk.evidence[-1 - age] = text, voice, evidence
            now = window.replace(age, text, voice, evidence)
            at = len(window) - 1 - age
        assert_same(seems, Logits(*(each[at : at + 1] for each in now)))
        yield talk, model, now


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=seeds, layers=st.integers(1, 3), steps=st.integers(1, 24))
@torch.inference_mode()
def test_voices_are_judged_against_their_speakers_as_offline(seed: int, layers: int, steps: int) -> None:
    for talk, model, now in goes(seed, 24, steps, layers):
        assert_same(now, one_conversation(model, *talk.offline))


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=seeds, size=st.integers(1, 8), steps=st.integers(1, 60))
@torch.inference_mode()
def test_beyond_the_window_a_speaker_is_known_by_all_turns(seed: int, size: int, steps: int) -> None:
    for talk, model, now in goes(seed, size, steps, layers=1):
        text, s1, evidence = talk.offline
        first = max(0, len(text) - size)
        words = Reference(model.text, text, evidence[:, 0] > 0).judge(first, len(text) - 1)
        assert model.speech is not None
        sound = Reference(model.speech, s1, evidence[:, 1] > 0).judge(first, len(text) - 1)
        seen = evidence[None, first:]
        fused = model.fuse(words, sound, seen, torch.ones(seen.shape[:2], dtype=torch.bool))
        plane = torch.where(seen[0, :, 1:] > 0, s1[first:, -2:], 0.0)
        assert_same(now, Logits(*(each[0] for each in (*fused, plane[None]))))


def test_a_speaker_not_heard_for_long_is_a_new_one() -> None:
    model, embedding = IncrementalModel(build(1, 1), listener(1)), torch.full((VOICE,), 3.0)
    known, forgotten, new = (ConversationWindow(model, 1) for _ in range(3))
    for window, others in ((known, SPEAKERS - 1), (forgotten, SPEAKERS)):
        window.append(None, embedding, "Ross")
        for other in range(others):
            window.append(None, embedding, other)
    planes = [window.append(None, embedding, "Ross").plane for window in (known, forgotten, new)]
    torch.testing.assert_close(planes[1], planes[2])
    assert not torch.allclose(planes[0], planes[2])


def test_a_window_does_not_keep_the_batch_in_which_a_voice_was_embedded() -> None:
    window = ConversationWindow(IncrementalModel(build(1, 1), listener(1)), 2)
    window.append(None, torch.randn(16, VOICE)[3])
    assert window._voices is not None
    kept = window._voices._turns[0].embedding
    assert kept is not None
    assert kept.untyped_storage().nbytes() == 4 * VOICE


def test_an_empty_window_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one turn"):
        ConversationWindow(IncrementalModel(build(1, 1), None), 0)
