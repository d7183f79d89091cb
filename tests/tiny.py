"""A bundle of the real format, with tiny networks and random weights over Whisper's ear, made in a second."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from torch import nn
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from models.base_encoder import weights_sha256
from models.bundle import Bundle, load_bundle, save_bundle
from models.care import CareConfig
from models.coattention import CoAttentionConfig
from models.context_encoder import ContextConfig
from models.conversation import ConversationConfig, ConversationModel
from models.manifest import Manifest, Sentiment
from models.speech_classifier import SpeechClassifier, SpeechConfig
from models.text_base import keep_transformers_quiet
from models.text_encoder import TextConfig, TextEncoder

LABELS = ("neutral", "joy", "anger")
SENTIMENT: dict[str, Sentiment] = {
    "neutral": "neutral",
    "joy": "positive",
    "happy": "positive",
    "positive": "positive",
}
"""Of labels; all others are negative."""

VOICE = 768
"""Size D of CARE's embeddings."""

WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "the",
    "a",
    "i",
    "you",
    "we",
    "is",
    "are",
    "am",
    "not",
    "good",
    "bad",
    "happy",
    "angry",
    "day",
    "cat",
    "dog",
    "!",
    "?",
    ".",
    ",",
    "'",
]


def make_base(folder: Path, seed: int = 0) -> Path:
    """A BERT of one narrow layer, with a word-level tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    keep_transformers_quiet()
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(folder)
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
    ).save_pretrained(folder)
    return folder


def make_bundle(
    folder: Path,
    seed: int = 0,
    *,
    labels: Sequence[str] = LABELS,
    words_only: bool = False,
    context_turns: int = 0,
    temperature: float = 1.0,
    lora_rank: int = 0,
) -> Path:
    """Save a bundle whose base encoder lies beside it; returns the bundle's folder.

    Args:
        folder: where.
        seed: of the weights.
        labels: emotions.
        words_only: without a speech path.
        context_turns: preceding turns that the text encoder reads.
        temperature: of its probabilities.
        lora_rank: of the adapters of its text encoder; 0 for none.
    """
    base = make_base(folder / "base", seed)
    torch.manual_seed(seed)
    classes = len(labels)
    text_config = TextConfig(
        str(base), max_tokens=32, context_turns=context_turns, lora_rank=lora_rank, classes=classes
    )
    text = TextEncoder(text_config, base)
    speech_config = SpeechConfig(width=8, classes=classes)
    text_context = ContextConfig(16, hidden=8, heads=2, classes=classes)
    config = (
        ConversationConfig(text_context)
        if words_only
        else ConversationConfig(
            text_context,
            ContextConfig(8, hidden=8, heads=2, classes=classes),
            CoAttentionConfig(16, 16, width=8, heads=2, classes=classes),
        )
    )
    manifest = Manifest(
        name="tiny",
        version=1,
        labels=tuple(labels),
        sentiment={label: {SENTIMENT.get(label, "negative"): 1.0} for label in labels},
        text=text_config,
        base_sha256=weights_sha256(base),
        care=None if words_only else CareConfig(blocks=1),
        speech=None if words_only else speech_config,
        conversation=config,
        temperature=temperature,
        window=8,
        training={"commands": []},
        metrics={},
    )
    parts: dict[str, nn.Module] = {"text": text, "conversation": ConversationModel(config)}
    if not words_only:
        parts["speech"] = SpeechClassifier(VOICE, speech_config)
    save_bundle(folder / "bundle", manifest, parts, card="# tiny\n")
    return folder / "bundle"


def tiny_bundle(folder: Path, **options: Any) -> Bundle:
    """A loaded one (see `make_bundle`)."""
    return load_bundle(make_bundle(folder, **options))
