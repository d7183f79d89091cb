"""Whisper's encoder against CTranslate2, which hands out the states after the last block alone."""

from pathlib import Path

import ctranslate2
import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from models.errors import WhisperModelError
from models.whisper.ct2_file import read_variables
from models.whisper.encoder import WhisperEncoder, read_encoder
from models.whisper.packaged_weights import packaged_model
from tests.models.whisper.test_ct2_file import VARIABLES, written


@pytest.fixture(scope="module")
def folder() -> Path:
    found = packaged_model("tiny.en")
    assert found is not None
    return found


@pytest.fixture(scope="module")
def encoder(folder: Path) -> WhisperEncoder:
    return read_encoder(folder, 99)


def frames(count: int) -> Tensor:
    """Smooth in time and frequency, in the range of log-mel frames [T, 80]."""
    noise = np.random.default_rng(count).normal(size=(count + 8, 88))
    smooth = np.stack([noise[i : i + count, i : i + 80] for i in range(8)]).mean(0)
    return torch.tensor(smooth, dtype=torch.float32)


@torch.inference_mode()
def test_all_blocks_are_what_ctranslate2_computes(folder: Path, encoder: WhisperEncoder) -> None:
    norm = read_variables(folder / "model.bin", lambda name: name.startswith("encoder/layer_norm/"))
    gamma, beta = (norm[f"encoder/layer_norm/{part}"] for part in ("gamma", "beta"))
    theirs = ctranslate2.models.Whisper(str(folder), compute_type="float32")
    assert len(encoder.blocks) == 4
    for count in (2, 97, 400):
        x = frames(count)
        given = ctranslate2.StorageView.from_array(np.ascontiguousarray(x.T.numpy()[None]))
        expected = torch.from_numpy(np.array(theirs.encode(given, to_cpu=True)))
        states, heard = encoder(x[None], torch.tensor([count]))
        assert heard.all()
        ours = functional.layer_norm(states[-1], [encoder.width], gamma, beta)
        torch.testing.assert_close(ours, expected, atol=1e-3, rtol=1e-3)


@torch.inference_mode()
def test_utterances_of_a_batch_are_heard_as_they_are_alone(encoder: WhisperEncoder) -> None:
    counts = [2, 3, 50, 131, 300]
    batch = torch.nn.utils.rnn.pad_sequence([frames(count) for count in counts], batch_first=True)
    together, heard = encoder(batch, torch.tensor(counts))
    assert heard.sum(1).tolist() == [(count + 1) // 2 for count in counts]
    for row, count in enumerate(counts):
        alone, _ = encoder(frames(count)[None], torch.tensor([count]))
        for block, states in enumerate(alone):
            torch.testing.assert_close(
                together[block][row, : states.shape[1]], states[0], atol=1e-4, rtol=1e-4
            )


def test_the_lowest_blocks_are_the_same_without_the_others(folder: Path, encoder: WhisperEncoder) -> None:
    few = read_encoder(folder, 2)
    x, count = frames(80)[None], torch.tensor([80])
    lower, all_of_them = few(x, count)[0], encoder(x, count)[0]
    assert len(lower) == 2
    assert all(torch.equal(one, other) for one, other in zip(lower, all_of_them, strict=False))


@pytest.mark.parametrize("content", [b"", b"weights", written(VARIABLES)], ids=["empty", "text", "other"])
def test_a_file_without_the_encoder_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.bin").write_bytes(content)
    with pytest.raises(WhisperModelError, match=r"model\.bin"):
        read_encoder(tmp_path, 1)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WhisperModelError, match=r"model\.bin"):
        read_encoder(tmp_path, 1)


def test_quantised_weights_are_refused(folder: Path, tmp_path: Path) -> None:
    """They would be taken for what they stand for."""
    stored = read_variables(folder / "model.bin", lambda name: name.startswith("encoder/"))
    arrays = {
        name: value.numpy().astype(np.float32 if value.is_floating_point() else np.int16)
        for name, value in stored.items()
        if not name.startswith(("encoder/layer_1", "encoder/layer_2", "encoder/layer_3"))
    }
    (tmp_path / "model.bin").write_bytes(written(arrays))
    assert len(read_encoder(tmp_path, 1).blocks) == 1
    name = "encoder/layer_0/ffn/linear_0/weight"
    arrays[name] = (50 * arrays[name]).astype(np.int8)
    (tmp_path / "model.bin").write_bytes(written(arrays))
    with pytest.raises(WhisperModelError, match="can be read"):
        read_encoder(tmp_path, 1)
