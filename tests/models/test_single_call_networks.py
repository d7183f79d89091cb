"""A trace computes what the network does, for all shapes; what can't be traced stays a network."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from models.bundle import load_bundle
from models.incremental_context import ConversationWindow, IncrementalModel
from models.single_call_networks import SingleCall
from streamer.turn_embedding.embedder import VoicesEmbedder, Words, WordsEmbedder
from tests.streamer.sound import conversation
from tests.tiny import VOICE, tiny_bundle


class ByShape(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.cumsum(0) / x.shape[0]


class ByValue(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x


class ByLength(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return sum((x[row] for row in range(len(x))), torch.zeros(x.shape[1]))


def test_a_trace_serves_other_shapes_than_it_was_made_of() -> None:
    network = SingleCall(ByShape().eval(), lambda: [(torch.ones(3, 2),), (torch.ones(1, 5),)])
    for _ in ("before", "traced"):
        for rows in (1, 2, 3, 7, 100):
            x = torch.randn(rows, 4)
            assert torch.equal(network(x), ByShape()(x))
        network.trace()
    assert isinstance(network.call, torch.jit.ScriptFunction)


@pytest.mark.parametrize("network", [ByValue(), ByLength()])
def test_what_a_trace_would_get_wrong_is_not_traced(network: nn.Module) -> None:
    assert SingleCall(network, lambda: [(torch.ones(3, 2),), (-torch.ones(2, 2),)]).trace().call is network


@pytest.mark.slow
@pytest.mark.parametrize("shipped", [True, False])
def test_embeddings_are_those_of_the_networks(tmp_path: Path, *, shipped: bool) -> None:
    bundle = load_bundle() if shipped else tiny_bundle(tmp_path, context_turns=2)
    assert bundle.care is not None
    read, hear = WordsEmbedder(bundle.text), VoicesEmbedder(bundle.care)
    assert isinstance(read.network.trace().call, torch.jit.ScriptFunction)
    assert isinstance(hear.network.trace().call, torch.jit.ScriptFunction)
    sound = conversation()
    texts = ["a", "the day is not good, is it?", " ".join(["you are angry"] * 80), "!"]
    for count in (1, 2, 4):
        preceding = [texts[:row] for row in range(count)]
        voices = [sound[: 123 + 17_000 * row] for row in range(count)]
        read_of = read([Words(*each) for each in zip(texts[:count], preceding, strict=True)])
        words, _ = bundle.text.embed(texts[:count], preceding)
        torch.testing.assert_close(torch.stack(read_of), words, atol=1e-5, rtol=0)
        for each, one in zip(voices, hear(voices), strict=True):
            prepared = bundle.care.prepare(each)
            with torch.inference_mode():
                expected = bundle.care(prepared[None], torch.tensor([len(prepared)]))
            torch.testing.assert_close(one, expected[0], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("words_only", [True, False])
def test_a_traced_conversation_is_judged_the_same(tmp_path: Path, *, words_only: bool) -> None:
    bundle = tiny_bundle(tmp_path, words_only=words_only)
    for network in bundle.incremental.networks:
        assert isinstance(network.trace().call, torch.jit.ScriptFunction)
    plain = IncrementalModel(bundle.conversation, bundle.speech)
    windows = [ConversationWindow(form, 7) for form in (bundle.incremental, plain)]
    config = bundle.conversation.config
    generator = torch.Generator().manual_seed(7)
    for turn in range(20):
        words = torch.randn(config.text.features, generator=generator)
        sound = torch.randn(VOICE, generator=generator)
        heard = (words if turn % 3 else None, sound if turn % 4 else None, turn % 5)
        one, other = (window.append(*heard) for window in windows)
        torch.testing.assert_close(one, other)
