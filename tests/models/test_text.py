"""The text encoder, tiny and as shipped."""

from pathlib import Path

import pytest
import torch

from models.base_encoder import find_base, weights_sha256
from models.errors import BaseEncoderError
from models.text import TextConfig, TextEncoder
from tests.tiny import make_base


@pytest.fixture
def encoder(tmp_path: Path) -> TextEncoder:
    base = make_base(tmp_path)
    return TextEncoder(TextConfig(base=str(base), max_tokens=16, classes=3), base).eval()


def test_neighbours_in_a_batch_change_nothing(encoder: TextEncoder) -> None:
    texts = ["a", "the cat is not a dog, is it? the day is good!", "I am happy"]
    together, logits = encoder.embed(texts)
    for row, text in enumerate(texts):
        alone, scores = encoder.embed([text])
        torch.testing.assert_close(together[row], alone[0], atol=1e-5, rtol=0)
        torch.testing.assert_close(logits[row], scores[0], atol=1e-5, rtol=0)


def test_long_texts_are_cut_and_empty_ones_embedded(encoder: TextEncoder) -> None:
    embeddings, _ = encoder.embed(["happy " * 500, "", "?"])
    assert embeddings.shape == (3, encoder.dimension)
    assert embeddings.isfinite().all()


def test_typographic_marks_are_read_as_recognisers_write_them(encoder: TextEncoder) -> None:
    assert torch.equal(encoder.embed(["I’m happy…"])[0], encoder.embed(["I'm happy..."])[0])


def test_token_embeddings_are_left_alone_unless_asked(tmp_path: Path) -> None:
    base = make_base(tmp_path)
    kept = TextEncoder(TextConfig(base=str(base)), base)
    trained = TextEncoder(TextConfig(base=str(base), train_embeddings=True), base)
    assert not kept.backbone.get_parameter("embeddings.word_embeddings.weight").requires_grad
    assert trained.backbone.get_parameter("embeddings.word_embeddings.weight").requires_grad


def test_the_packaged_encoder_is_found_and_pinned() -> None:
    folder = find_base("all-MiniLM-L6-v2")
    digest = weights_sha256(folder)
    assert find_base("all-MiniLM-L6-v2", digest) == folder
    with pytest.raises(BaseEncoderError, match="not the pinned"):
        find_base("all-MiniLM-L6-v2", "0" * 64)


def test_an_encoder_that_cannot_be_had_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(BaseEncoderError, match="nobody/nothing"):
        find_base("nobody/nothing")
