"""Our BERT against that of transformers: equal tokens, equal states, equal gradients."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import AutoTokenizer, BertConfig, BertModel, RobertaConfig, RobertaModel

from models.base_encoder import find_base
from models.bert import Bert, load_bert
from models.text_base import load_text_base
from models.text_encoder import TextConfig, TextEncoder
from tests.tiny import make_base

TEXTS = (
    "I can't believe you did that!",
    "",
    "a",
    " Zoë's naïve café\t— 世界 \u200b 🙂 [SEP] [CLS] ##ing",
    "supercalifragilisticexpialidocious " * 3,
    "so much to say " * 100,
)


@pytest.fixture(params=["tiny", "shipped"])
def base(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return make_base(tmp_path) if request.param == "tiny" else find_base("all-MiniLM-L6-v2")


def reference(base: Path) -> BertModel:
    model: BertModel = BertModel.from_pretrained(base, add_pooling_layer=False)
    return model


def batch(base: Path, vocabulary: int) -> tuple[Tensor, Tensor]:
    """Ids and mask [4, 33] of different lengths."""
    ids = torch.randint(vocabulary, (4, 33), generator=torch.Generator().manual_seed(1))
    return ids, (torch.arange(33) < torch.tensor([33, 1, 12, 32])[:, None]).long()


def test_states_are_those_of_transformers(base: Path) -> None:
    ours, theirs = load_bert(base), reference(base).eval()
    assert ours is not None
    ids, mask = batch(base, theirs.config.vocab_size)
    with torch.inference_mode():
        found = ours.eval()(ids, mask).last_hidden_state
        expected = theirs(input_ids=ids, attention_mask=mask).last_hidden_state
        torch.testing.assert_close(found[mask.bool()], expected[mask.bool()], atol=1e-5, rtol=0)
        torch.testing.assert_close(
            ours(ids).last_hidden_state, theirs(input_ids=ids).last_hidden_state, atol=1e-5, rtol=0
        )


def test_it_trains_as_that_of_transformers(base: Path) -> None:
    """The same parameters by the same names, the same dropout, the same gradients."""
    ours, theirs = load_bert(base), reference(base).train()
    assert ours is not None
    ids, mask = batch(base, theirs.config.vocab_size)
    for model in (ours.train(), theirs):
        torch.manual_seed(5)
        states = model(input_ids=ids, attention_mask=mask).last_hidden_state
        (states[mask.bool()] ** 3).sum().backward()
    expected = dict(theirs.named_parameters())
    assert dict(ours.named_parameters()).keys() == expected.keys()
    for name, parameter in ours.named_parameters():
        assert parameter.grad is not None
        other = expected[name].grad
        assert other is not None
        torch.testing.assert_close(parameter.grad, other, atol=1e-5 * float(other.abs().max()), rtol=1e-4)


@pytest.mark.parametrize("context_turns", [0, 2])
def test_tokens_are_those_of_transformers(base: Path, context_turns: int) -> None:
    encoder = TextEncoder(TextConfig(max_tokens=40, context_turns=context_turns, context_words=12), base)
    theirs = AutoTokenizer.from_pretrained(base)

    def check(texts: Sequence[str], *before: list[str]) -> None:
        expected = theirs(
            *before, list(texts), padding=True, truncation=True, max_length=40, return_tensors="pt"
        )
        assert torch.equal(tokens.ids, expected["input_ids"])
        assert torch.equal(tokens.mask, expected["attention_mask"])

    plain = [text.replace("—", " - ") for text in TEXTS]
    if context_turns:
        tokens = encoder.tokenize(TEXTS, [("hello you", "good day!")] * len(TEXTS))
        check(plain, ["hello you [SEP] good day!"] * len(TEXTS))
    else:
        tokens = encoder.tokenize(TEXTS)
        check(plain)


def test_other_networks_are_left_to_transformers(tmp_path: Path) -> None:
    for change in ({"hidden_act": "relu"}, {"is_decoder": True}):
        base = make_base(tmp_path / next(iter(change)))
        BertConfig.from_pretrained(base, **change).save_pretrained(base)
        assert load_bert(base) is None
        assert isinstance(load_text_base(base).network, BertModel)
    base = make_base(tmp_path / "roberta")
    shape = RobertaConfig(
        vocab_size=25, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    RobertaModel(shape).save_pretrained(base)
    network, dimension, _, separator = load_text_base(base)
    assert isinstance(network, RobertaModel)
    assert (dimension, separator) == (16, "[SEP]")


def test_random_weights_are_asked_of_transformers(tmp_path: Path) -> None:
    base = make_base(tmp_path)
    assert isinstance(load_text_base(base).network, Bert)
    assert isinstance(load_text_base(base, pretrained=False).network, BertModel)
