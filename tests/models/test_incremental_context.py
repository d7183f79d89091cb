"""The incremental form against the offline one (the contract of DESIGN section 4)."""

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

TEXT, SPEECH, CLASSES = 12, 8, 5


def build(seed: int, layers: int, *, words_only: bool = False) -> ConversationModel:
    torch.manual_seed(seed)
    text = ContextConfig(TEXT, hidden=8, layers=layers, heads=2, classes=CLASSES)
    speech = ContextConfig(SPEECH, hidden=6, layers=layers, heads=3, classes=CLASSES)
    fusion = CoAttentionConfig(16, 12, width=12, heads=3, classes=CLASSES)
    config = ConversationConfig(text) if words_only else ConversationConfig(text, speech, fusion)
    model = ConversationModel(config)
    for parameter in model.parameters():  # larger than initialised, so that differences would show
        torch.nn.init.normal_(parameter, std=0.5)
    return model.eval()


def conversation(seed: int, turns: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    text = torch.randn(turns, TEXT, generator=generator)
    speech = torch.randn(turns, SPEECH, generator=generator)
    share = torch.rand(2, generator=generator).round(decimals=1)  # some have no words, or no sound, at all
    present = torch.rand(turns, 2, generator=generator) < share
    return text, speech, present


def stream(model: ConversationModel, size: int, data: tuple[Tensor, Tensor, Tensor]) -> list[Logits]:
    window = ConversationWindow(IncrementalModel(model), size)
    return [window.append(t if p[0] else None, s if p[1] else None) for t, s, p in zip(*data, strict=True)]


def assert_same(one: Logits, other: Logits) -> None:
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a.softmax(-1), b.softmax(-1), atol=1e-5, rtol=0)


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
        return self.encoder.attend(x[None], torch.ones(1, len(x), dtype=torch.bool))


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
    text, speech, present = data = conversation(seed, turns)
    states = stream(model, size, data)
    with torch.inference_mode():
        reading = Reference(model.text, text, present[:, 0])
        hearing = None if model.speech is None else Reference(model.speech, speech, present[:, 1])
        for newest, state in enumerate(states):
            first = max(0, newest + 1 - size)
            words = reading.judge(first, newest)
            sound = None if hearing is None else hearing.judge(first, newest)
            seen = present[None, first : newest + 1]
            turns_seen = torch.ones(seen.shape[:2], dtype=torch.bool)
            fused = model.fuse(words, sound, seen[..., 0], seen[..., 1], turns_seen)
            assert_same(state, Logits(*(each[0] for each in fused)))


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
    present = torch.zeros(len(parts), longest, 2, dtype=torch.bool)
    turns = torch.zeros(len(parts), longest, dtype=torch.bool)
    for i, (t, s, p) in enumerate(parts):
        text[i, : len(t)], speech[i, : len(t)], present[i, : len(t)], turns[i, : len(t)] = t, s, p, True
    with torch.inference_mode():
        together = model(text, speech, present[..., 0], present[..., 1], turns)
        for i, part in enumerate(parts):
            assert_same(Logits(*(each[i, : lengths[i]] for each in together)), one_conversation(model, *part))


def test_a_conversation_without_sound_is_judged_by_its_words_whatever_the_speech_network_says() -> None:
    model = build(3, 1)
    text, speech, present = conversation(3, 9)
    present[:, 0], present[:, 1] = True, False
    before = one_conversation(model, text, speech, present)
    assert model.speech is not None
    for parameter in model.speech.parameters():
        torch.nn.init.normal_(parameter)
    after = one_conversation(model, text, speech, present)
    torch.testing.assert_close(before.fused, after.fused)
    assert not torch.allclose(before.speech, after.speech)


def test_without_a_speech_path_the_words_are_all_there_is() -> None:
    model = build(4, 2, words_only=True)
    text, speech, present = conversation(4, 9)
    with torch.inference_mode():
        heard = one_conversation(model, text, speech, present)
        unheard = one_conversation(model, text, torch.zeros(9, 0), present & torch.tensor([True, False]))
    assert_same(heard, unheard)
    assert torch.equal(heard.fused, heard.text)
    assert not heard.speech.any()


def test_speech_and_fusion_go_together() -> None:
    with pytest.raises(ValueError, match="together"):
        ConversationConfig(ContextConfig(TEXT), speech=ContextConfig(SPEECH))


def test_memory_does_not_grow_with_the_conversation() -> None:
    model = build(1, 2)
    window = ConversationWindow(IncrementalModel(model), 8)

    def held() -> int:
        parts = (window, window._text, window._speech)
        return sum(a.size for part in parts for a in vars(part).values() if isinstance(a, np.ndarray))

    sizes = set()
    for turn in range(100):
        assert len(window.append(torch.randn(TEXT), torch.randn(SPEECH)).fused) == min(turn + 1, 8)
        sizes.add(held())
    assert len(sizes) == 1
    assert sizes.pop() > 0


@settings(max_examples=20, deadline=None)
@given(seeds, st.integers(1, 3), st.integers(1, 6), st.integers(1, 20), st.booleans())
def test_a_glance_is_what_is_said_of_the_turn_and_leaves_no_trace(
    seed: int, layers: int, size: int, turns: int, words_only: bool
) -> None:
    model = IncrementalModel(build(seed, layers, words_only=words_only))
    glancing, plain = ConversationWindow(model, size), ConversationWindow(model, size)
    for text, speech, present in zip(*conversation(seed, turns), strict=True):
        turn = text if present[0] else None, speech if present[1] else None
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
    window = ConversationWindow(IncrementalModel(model), 16)
    for t, s in zip(text[:turns], speech[:turns], strict=True):
        window.append(t, s)
    seems = window.glance(text[turns], speech[turns], age)
    now = window.replace(age, text[turns], speech[turns])
    order = [*range(turns)]
    order[turns - 1 - age] = turns
    with torch.inference_mode():
        everything = torch.ones(turns, 2, dtype=torch.bool)
        assert_same(now, one_conversation(model, text[order], speech[order], everything))
    assert_same(seems, Logits(*(each[turns - 1 - age : turns - age] for each in now)))


@settings(max_examples=10, deadline=None)
@given(seed=seeds, turns=st.integers(1, 60), size=st.integers(1, 8))
def test_the_same_turn_in_its_own_place_changes_nothing_however_long_the_conversation(
    seed: int, turns: int, size: int
) -> None:
    text, speech, _ = conversation(seed, turns)
    window = ConversationWindow(IncrementalModel(build(seed, 2)), size)
    for t, s in zip(text, speech, strict=True):
        before = window.append(t, s)
    for age in range(len(window)):
        at = turns - 1 - age
        assert_same(window.replace(age, text[at], speech[at]), before)
    with pytest.raises(IndexError):
        window.replace(len(window), text[0], speech[0])


def test_an_empty_window_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one turn"):
        ConversationWindow(IncrementalModel(build(1, 1)), 0)
