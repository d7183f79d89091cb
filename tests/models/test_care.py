"""CARE, either kind: what must not change the embedding doesn't, and nothing breaks it."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from transformers import RobertaConfig, RobertaModel, WavLMConfig, WavLMModel

from models.care import Care, CareConfig, build_care, pad
from models.care_wavlm import WavLMCare
from models.errors import BaseEncoderError

pytestmark = pytest.mark.filterwarnings("ignore:Support for mismatched key_padding_mask:UserWarning")


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Networks this small are no faster on more, and much slower where others want the cores too."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def tiny_wavlm() -> WavLMCare:
    speech = WavLMConfig(
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=32,
        conv_dim=(8, 8, 8, 8, 8, 8, 8),
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=2,
    )
    text = RobertaConfig(
        vocab_size=30,
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=40,
    )
    return WavLMCare(WavLMModel(speech), RobertaModel(text, add_pooling_layer=False))


def save_wavlm(folder: Path) -> CareConfig:
    """Save a tiny network's base models, and say where they are."""
    torch.manual_seed(0)
    tiny_wavlm().speech.save_pretrained(folder / "speech")
    text = RobertaConfig(
        vocab_size=30,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=40,
    )
    RobertaModel(text, add_pooling_layer=False).save_pretrained(folder / "text")
    return CareConfig(kind="wavlm", speech_base=str(folder / "speech"), text_base=str(folder / "text"))


@pytest.fixture(scope="module", params=["whisper", "wavlm"])
def care(request: pytest.FixtureRequest) -> Care:
    torch.manual_seed(0)
    return build_care(CareConfig()) if request.param == "whisper" else tiny_wavlm().eval()


def voice(seconds: float, seed: int = 0, level: float = 6000) -> NDArray[np.int16]:
    """A gliding, swelling tone with overtones in a little noise."""
    count = int(seconds * 16000)
    random = np.random.default_rng(seed)
    time = np.arange(count) / 16000
    phase = 2 * np.pi * np.cumsum(150 + 60 * np.sin(2 * np.pi * (1 + seed) * time)) / 16000
    tone = sum((np.sin(k * phase) / k for k in range(1, 12)), np.zeros(count))
    swell = 0.5 + 0.5 * np.sin(2 * np.pi * 3 * time + seed)
    return (level * (tone * swell / 2 + 0.02 * random.standard_normal(count))).astype(np.int16)


@torch.no_grad()
def embed(care: Care, *clips: NDArray[np.int16]) -> torch.Tensor:
    return care(*pad([care.prepare(clip) for clip in clips]))


def test_padding_changes_nothing(care: Care) -> None:
    clips = [voice(seconds, seed) for seed, seconds in enumerate((0.05, 0.31, 1.0, 1.237, 2.5))]
    together = embed(care, *clips)
    alone = torch.cat([embed(care, clip) for clip in clips])
    assert together.shape == (5, care.dimension)
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=0)


def test_the_recording_level_changes_little(care: Care) -> None:
    """20 dB quieter moves an embedding a small fraction of what another voice does."""
    loud, other = voice(1.5, level=9000), voice(1.5, seed=4, level=9000)
    first, quiet, different = embed(care, loud, (loud / 10).astype(np.int16), other)
    assert (first - quiet).norm() < 0.1 * (first - different).norm()
    assert torch.cosine_similarity(first, quiet, dim=0) > 0.999


@pytest.mark.parametrize(
    "clip",
    [
        np.zeros(0, np.int16),
        np.zeros(1, np.int16),
        np.zeros(16000, np.int16),
        np.full(16000, -32768, np.int16),
        np.tile(np.array([32767, -32768], np.int16), 8000),
        voice(0.05),
        voice(20),
    ],
    ids=["nothing", "one sample", "silence", "DC", "full scale", "50 ms", "20 s"],
)
def test_nothing_breaks_it(care: Care, clip: NDArray[np.int16]) -> None:
    assert torch.isfinite(embed(care, clip)).all()
    assert torch.isfinite(embed(care, clip, voice(1.0))).all()


def test_different_voices_differ(care: Care) -> None:
    first, second = embed(care, voice(1.0), voice(1.0, seed=3))
    assert (first - second).norm() > 1e-3 * first.norm()


def test_every_trained_weight_gets_a_gradient() -> None:
    care = tiny_wavlm().train()
    care(*pad([care.prepare(voice(1.0)), care.prepare(voice(0.7, 1))])).square().sum().backward()
    missing = [
        name
        for name, parameter in care.named_parameters()
        if parameter.requires_grad and (parameter.grad is None or not parameter.grad.abs().sum() > 0)
    ]
    assert missing == []


def test_published_dimensions() -> None:
    care = tiny_wavlm()
    assert care.dimension == 3 * 16
    assert care.shared == 2
    assert len(care.semantic) == 2
    frozen = {name.split(".")[0] for name, p in care.named_parameters() if not p.requires_grad}
    assert frozen == {"speech", "semantic"}


def test_wavlm_states_are_those_of_the_model_itself() -> None:
    care = tiny_wavlm().eval()
    wave = care.prepare(voice(1.0))
    with torch.no_grad():
        shared, acoustic, semantic, _ = care.encode(*pad([wave]))
        expected = care.speech(wave[None], output_hidden_states=True).hidden_states
    for ours, theirs in zip(shared + acoustic, expected, strict=True):
        torch.testing.assert_close(ours, theirs)
    assert [states.shape for states in semantic] == [shared[-1].shape] * 2


def test_wavlm_mixes_layers_that_were_computed_before() -> None:
    care = tiny_wavlm().eval()
    for each in care.mix.values():
        torch.nn.init.normal_(each)
    batch, lengths = pad([care.prepare(voice(1.0)), care.prepare(voice(0.6, 1))])
    with torch.no_grad():
        layers = care.layers(batch, lengths)
        shared, _, _, mask = care.encode(batch, lengths)
        torch.testing.assert_close(care.mixed(layers), care(batch, lengths))
    assert layers.shape == (2, 3 + 2 + 2, 16)
    first = (shared[1] * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
    torch.testing.assert_close(layers[:, 1], first)


def test_pretraining_keeps_the_acoustic_side_out_of_the_shared_layers() -> None:
    care = tiny_wavlm()
    care.unfreeze()
    care.train()
    assert care.speech.encoder.layers.training
    assert not care.semantic.training
    branches = care.branches(*pad([care.prepare(voice(1.0)), care.prepare(voice(0.6, 1))]))
    layers = care.speech.encoder.layers
    branches.acoustic.square().sum().backward(retain_graph=True)  # type: ignore[no-untyped-call]
    assert all(p.grad is None or not p.grad.any() for p in layers[: care.shared].parameters())
    assert any(p.grad is not None and p.grad.any() for p in layers[care.shared :].parameters())
    branches.semantic.square().sum().backward()  # type: ignore[no-untyped-call]
    assert any(p.grad is not None and p.grad.any() for p in layers[: care.shared].parameters())


def test_branches_are_frames_of_20_ms() -> None:
    """As many as there are samples for: 25 ms each, 20 ms apart."""
    care = tiny_wavlm().eval()
    for samples in (400, 719, 720, 16000, 16123):
        inputs = care.prepare(voice(2.0)[:samples])
        with torch.no_grad():
            branches = care.branches(*pad([inputs, care.prepare(voice(2.0))]))
        assert int(branches.mask[0].sum()) == 1 + (samples - 400) // 320
        assert branches.acoustic.shape[2] == branches.semantic.shape[2] == care.width


def test_wavlm_from_folders(tmp_path: Path) -> None:
    built = build_care(save_wavlm(tmp_path))
    assert isinstance(built, WavLMCare)
    torch.manual_seed(0)
    torch.testing.assert_close(built.speech.state_dict(), tiny_wavlm().speech.state_dict())


def test_a_base_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(BaseEncoderError, match="no/such-model"):
        build_care(CareConfig(kind="wavlm", speech_base="no/such-model"))


def test_config_round_trips_through_json() -> None:
    config = CareConfig(blocks=3, text_base="there")
    assert CareConfig(**json.loads(json.dumps(asdict(config)))) == config
