"""Adapters of low rank: what they add, what is trained and stored, and that peft's are the same."""

from pathlib import Path

import pytest
import torch
from torch import nn

from models.adapters import AdaptedLinear, add_adapters, merge_adapters
from models.bundle import load_bundle
from models.text_encoder import TextConfig, TextEncoder
from offline_train.runs.networks import load_text_encoder
from offline_train.runs.run import Run
from offline_train.training.adapters import train_adapters
from offline_train.training.optimiser import trained_state
from tests.models.test_mpnet import make_mpnet
from tests.tiny import make_base, make_bundle

TEXTS = ["i am happy!", "the cat", "you"]


@pytest.fixture(params=["bert", "mpnet"])
def base(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return make_base(tmp_path) if request.param == "bert" else make_mpnet(tmp_path)


def encoder(base: Path, **options: object) -> TextEncoder:
    config = TextConfig(base=str(base), lora_rank=3, classes=2)
    return TextEncoder(config, base, **options).eval()  # type: ignore[arg-type]


def disturb(network: nn.Module) -> None:
    """As if the adapters had been trained."""
    torch.manual_seed(3)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if "lora_B" in name:
                parameter.normal_(0.0, 0.5)


def test_an_adapted_encoder_begins_as_it_was_and_merges_into_plain_layers(base: Path) -> None:
    plain = TextEncoder(TextConfig(base=str(base)), base).eval()
    adapted = encoder(base)
    before = plain.embed(TEXTS)[0]
    torch.testing.assert_close(adapted.embed(TEXTS)[0], before)
    disturb(adapted)
    after = adapted.embed(TEXTS)[0]
    assert not torch.allclose(after, before, atol=0.05)
    merge_adapters(adapted.backbone)
    assert not any(isinstance(part, AdaptedLinear) for part in adapted.modules())
    torch.testing.assert_close(adapted.embed(TEXTS)[0], after, atol=1e-5, rtol=1e-5)
    assert adapted.backbone.state_dict().keys() == plain.backbone.state_dict().keys()


def test_adapters_and_head_are_all_that_is_trained(base: Path) -> None:
    own = trained_state(encoder(base))
    assert {name.rpartition(".")[0].rpartition(".")[0][-6:] for name in own if "head" not in name} == {
        "lora_A",
        "lora_B",
    }
    with_tokens = TextEncoder(TextConfig(base=str(base), lora_rank=3, train_embeddings=True), base)
    assert "backbone.embeddings.word_embeddings.weight" in trained_state(with_tokens)


def test_those_of_peft_are_the_same(base: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    ours, theirs = encoder(base), encoder(base, adapt=train_adapters)
    assert trained_state(ours).keys() == trained_state(theirs).keys()
    disturb(theirs)
    run = Run.open(tmp_path / "run", {}, command="")
    run.finish(theirs, {"text": theirs.config, "base_sha256": None}, {})
    read = load_text_encoder(run)
    torch.testing.assert_close(read.embed(TEXTS), theirs.embed(TEXTS), atol=1e-6, rtol=1e-6)
    merge_adapters(read.backbone)
    torch.testing.assert_close(read.embed(TEXTS), theirs.embed(TEXTS), atol=1e-5, rtol=1e-5)


def test_a_layer_without_a_bias() -> None:
    network = nn.Sequential(nn.Linear(4, 3, bias=False))
    add_adapters(network, 2)
    disturb(network)
    x = torch.randn(5, 4)
    before = network(x)
    merge_adapters(network)
    torch.testing.assert_close(network(x), before)


def test_a_bundle_carries_its_adapters_alone(tmp_path: Path) -> None:
    folder = make_bundle(tmp_path, words_only=True, lora_rank=2)
    bundle = load_bundle(folder)
    assert not any(isinstance(part, AdaptedLinear) for part in bundle.text.modules())
    whole = make_bundle(tmp_path / "whole", words_only=True)
    sizes = [(each / "model.safetensors").stat().st_size for each in (folder, whole)]
    assert sizes[0] != sizes[1]
    assert bundle.text.embed(["i am happy"])[0].isfinite().all()
