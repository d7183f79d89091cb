"""CARE over Whisper's lower blocks: what of the sound counts and what does not, and where its weights are."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.care_whisper import WhisperCare
from models.errors import BaseEncoderError
from models.whisper.packaged_weights import PACKAGED_MODELS
from tests.models.test_care import embed, voice


@pytest.fixture(scope="module")
def care() -> WhisperCare:
    return WhisperCare.of_package("tiny.en", 2)


def test_it_is_of_the_states_of_two_blocks_and_frozen(care: WhisperCare) -> None:
    assert care.dimension == 2 * 2 * 384
    assert not any(parameter.requires_grad for parameter in care.parameters())
    assert WhisperCare.of_package("tiny.en", 99).dimension == 4 * 2 * 384


def test_an_embedding_is_the_mean_and_the_deviation_over_time(care: WhisperCare) -> None:
    clip = voice(1.2)
    frames = care.prepare(clip)
    assert frames.shape == (120, 80)
    with torch.no_grad():
        states, _ = care.encoder(frames[None], torch.tensor([120]))
    expected = [part for each in states for part in (each[0].mean(0), each[0].std(0, correction=0))]
    torch.testing.assert_close(embed(care, clip)[0], torch.cat(expected), atol=1e-3, rtol=1e-3)


def test_the_level_does_not_matter(care: WhisperCare) -> None:
    quiet = voice(1.0, level=500)
    for louder in (2, 7, 60):
        torch.testing.assert_close(care.prepare(louder * quiet), care.prepare(quiet), atol=1e-4, rtol=0)


@pytest.mark.parametrize("samples", [0, 1, 160, 319, 320, 8_000])
def test_silence_is_the_same_wherever_it_is_heard(care: WhisperCare, samples: int) -> None:
    silence = np.zeros(samples, np.int16)
    assert care.prepare(silence).shape == (max(2, samples // 160), 80)
    alone, beside = embed(care, silence), embed(care, silence, voice(2.0))[:1]
    assert alone.isfinite().all()
    torch.testing.assert_close(alone, beside, atol=1e-4, rtol=0)


def test_of_more_than_30_s_the_first_are_heard(care: WhisperCare) -> None:
    long = voice(33)
    assert care.prepare(long).shape == (3_000, 80)
    assert torch.equal(embed(care, long), embed(care, long[: 30 * 16_000]))


def test_weights_that_are_not_there_or_not_the_pinned_ones_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BaseEncoderError, match="Whisper huge, whose package is not installed"):
        WhisperCare.of_package("huge", 2)
    pinned = PACKAGED_MODELS["tiny.en"]
    other = replace(pinned, files={**pinned.files, "model.bin": "0" * 64})
    monkeypatch.setitem(PACKAGED_MODELS, "tiny.en", other)
    with pytest.raises(BaseEncoderError, match=r"model\.bin is not the file that is pinned"):
        WhisperCare.of_package("tiny.en", 2)
