"""What is in a base encoder's folder: a network of ours (BERT, MPNet), otherwise that of transformers."""

from pathlib import Path
from typing import NamedTuple

import torch
from tokenizers import Tokenizer
from torch import nn

from models.bert import load_bert
from models.errors import BaseEncoderError
from models.mpnet import load_mpnet

_OWN = ((load_bert, "[PAD]", "[SEP]"), (load_mpnet, "<pad>", "</s>"))
"""Networks of ours, with the tokens for padding and between utterances."""


class TextBase(NamedTuple):
    """A base encoder.

    Attributes:
        network: token ids and mask, [B, L] each, -> an object with the `last_hidden_state` [B, L, D].
        dimension: D.
        tokenizer: pads a batch to the longest of it.
        separator: token between utterances.
    """

    network: nn.Module
    dimension: int
    tokenizer: Tokenizer
    separator: str


def load_text_base(folder: Path, *, pretrained: bool = True) -> TextBase:
    """Load a base encoder.

    Args:
        folder: as `models.base_encoder.find_base` returns it.
        pretrained: with the folder's weights; False for random ones of the same shape.

    Raises:
        BaseEncoderError: its tokenizer is none that `tokenizers` can run.
    """
    file = folder / "tokenizer.json"
    for load, padding, separator in _OWN if pretrained and file.is_file() else ():
        if (network := load(folder)) is not None:
            tokenizer = Tokenizer.from_file(str(file))
            tokenizer.enable_padding(pad_id=tokenizer.token_to_id(padding), pad_token=padding)
            return TextBase(network, network.dimension, tokenizer, separator)
    return _from_transformers(folder, pretrained=pretrained)


def _from_transformers(folder: Path, *, pretrained: bool) -> TextBase:
    from transformers import AutoConfig, AutoModel, AutoTokenizer

    keep_transformers_quiet()
    shape = AutoConfig.from_pretrained(folder)
    options = {"add_pooling_layer": False} if shape.model_type in {"bert", "mpnet", "roberta"} else {}
    network: nn.Module = (
        AutoModel.from_pretrained(folder, config=shape, dtype=torch.float32, **options)
        if pretrained
        else AutoModel.from_config(shape, **options)  # type: ignore[no-untyped-call]
    )
    tokenizer = AutoTokenizer.from_pretrained(folder)
    if not tokenizer.is_fast:
        raise BaseEncoderError(f"base encoder {folder}: its tokenizer comes without a tokenizer.json")
    fast: Tokenizer = tokenizer.backend_tokenizer
    fast.enable_padding(pad_id=tokenizer.pad_token_id, pad_token=tokenizer.pad_token)
    return TextBase(network, shape.hidden_size, fast, tokenizer.sep_token)


def keep_transformers_quiet() -> None:
    """It would report the poolers we leave out, in the midst of the live view."""
    from transformers.utils import logging

    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
