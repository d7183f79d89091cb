"""Our MPNet against that of transformers: equal tokens, equal states, equal gradients."""

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from torch import Tensor
from transformers import AutoTokenizer, MPNetConfig, MPNetModel, PreTrainedTokenizerFast
from transformers.models.mpnet.modeling_mpnet import MPNetEncoder

from models.mpnet import MPNet, bucket, load_mpnet
from models.single_call_networks import SingleCall
from models.text_base import keep_transformers_quiet, load_text_base
from models.text_encoder import TextConfig, TextEncoder

WORDS = [
    "<s>",
    "<pad>",
    "</s>",
    "[UNK]",
    "the",
    "a",
    "i",
    "you",
    "am",
    "happy",
    "cat",
    "day",
    "good",
    "!",
    ".",
]


def make_mpnet(folder: Path) -> Path:
    """Two narrow layers, with a word-level tokenizer whose marks are MPNet's."""
    keep_transformers_quiet()
    torch.manual_seed(0)
    config = MPNetConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=202,
        initializer_range=0.5,
        layer_norm_eps=1e-5,
    )
    MPNetModel(config, add_pooling_layer=False).save_pretrained(folder)
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        unk_token="[UNK]",
        cls_token="<s>",
        sep_token="</s>",
    ).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_mpnet(tmp_path_factory.mktemp("mpnet"))


def reference(base: Path) -> MPNetModel:
    model: MPNetModel = MPNetModel.from_pretrained(base, add_pooling_layer=False)
    return model


def batch(length: int = 180) -> tuple[Tensor, Tensor]:
    """Ids and mask [4, length] of different lengths, padded with MPNet's padding."""
    ids = torch.randint(2, len(WORDS), (4, length), generator=torch.Generator().manual_seed(1))
    mask = (torch.arange(length) < torch.tensor([length, 1, 12, length - 1])[:, None]).long()
    return torch.where(mask.bool(), ids, 1), mask


def test_states_are_those_of_transformers(base: Path) -> None:
    ours, theirs = load_mpnet(base), reference(base)
    assert ours is not None
    ids, mask = batch()
    with torch.inference_mode():
        found = ours.eval()(ids, mask).last_hidden_state
        expected = theirs(input_ids=ids, attention_mask=mask).last_hidden_state
        torch.testing.assert_close(found[mask.bool()], expected[mask.bool()], atol=1e-5, rtol=0)
        alone = theirs(input_ids=ids[:1]).last_hidden_state
        torch.testing.assert_close(ours(ids[:1]).last_hidden_state, alone, atol=1e-5, rtol=0)


def test_it_trains_as_that_of_transformers(base: Path) -> None:
    ours, theirs = load_mpnet(base), reference(base)
    assert ours is not None
    ids, mask = batch(40)
    for model in (ours.eval(), theirs):  # without dropout, which draws in another order
        states = model(input_ids=ids, attention_mask=mask).last_hidden_state
        (states[mask.bool()] ** 3).sum().backward()
    expected = dict(theirs.named_parameters())
    assert dict(ours.named_parameters()).keys() == expected.keys()
    for name, parameter in ours.named_parameters():
        assert parameter.grad is not None
        other = expected[name].grad
        assert other is not None
        # A key's bias changes nothing: what is left of its gradient is rounding.
        torch.testing.assert_close(
            parameter.grad, other, atol=1e-3 + 1e-4 * float(other.abs().max()), rtol=1e-3
        )


def test_distances_have_the_buckets_of_transformers() -> None:
    place = torch.arange(300)
    ahead = place - place[:, None]
    expected = MPNetEncoder.relative_position_bucket(ahead, num_buckets=32)  # type: ignore[no-untyped-call]
    assert torch.equal(bucket(ahead, 32), expected)
    assert set(expected.flatten().tolist()) == set(range(32)) - {16}  # of those ahead, none is where it is


def test_tokens_are_those_of_transformers(base: Path) -> None:
    texts = ["I am happy!", "", "the cat . the day", "good " * 60]
    theirs = AutoTokenizer.from_pretrained(base)
    encoder = TextEncoder(TextConfig(max_tokens=40), base)
    assert isinstance(encoder.backbone, MPNet)
    tokens = encoder.tokenize(texts)
    expected = theirs(texts, padding=True, truncation=True, max_length=40, return_tensors="pt")
    assert torch.equal(tokens.ids, expected["input_ids"])
    assert torch.equal(tokens.mask, expected["attention_mask"])
    before = TextEncoder(TextConfig(max_tokens=40, context_turns=2), base)
    tokens = before.tokenize(["good day"], [("a cat", "i am")])
    assert [WORDS[token] for token in tokens.ids[0]] == [
        *("<s>", "a", "cat", "</s>", "i", "am", "</s>", "</s>", "good", "day", "</s>")
    ]
    assert tokens.own[0].tolist() == [0] * 8 + [1, 1, 0]


def test_neighbours_in_a_batch_change_nothing(base: Path) -> None:
    encoder = TextEncoder(TextConfig(base=str(base)), base).eval()
    texts = ["a", "the cat . i am happy ! the day", "you"]
    together, _ = encoder.embed(texts)
    for row, text in enumerate(texts):
        torch.testing.assert_close(together[row], encoder.embed([text])[0][0], atol=1e-5, rtol=0)


def test_it_is_a_single_call_for_sentences_of_any_length(base: Path) -> None:
    loaded = load_mpnet(base)
    assert loaded is not None
    network = loaded.eval().requires_grad_(requires_grad=False)

    class States(torch.nn.Module):
        def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
            states: Tensor = network(ids, mask).last_hidden_state
            return states

    lengths = (12, 5, 150)
    call = SingleCall(States(), lambda: [batch(length) for length in lengths]).trace()
    assert not isinstance(call.call, torch.nn.Module)


def test_variants_are_left_to_transformers(base: Path, tmp_path: Path) -> None:
    make_mpnet(tmp_path)
    MPNetConfig.from_pretrained(tmp_path, hidden_act="relu").save_pretrained(tmp_path)
    assert load_mpnet(tmp_path) is None
    assert isinstance(load_text_base(tmp_path).network, MPNetModel)
    network, dimension, _, separator = load_text_base(base)
    assert isinstance(network, MPNet)
    assert (dimension, separator) == (16, "</s>")
