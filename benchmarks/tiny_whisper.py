"""A tiny Whisper model in the real CTranslate2 format, whose every word is known beforehand.

Where no model hub is at hand, this one goes down the same path as real weights: converted by CTranslate2,
loaded and decoded by faster-whisper. It does not listen: its decoder layers pass on only the position, and
the embedding of each position points at the token to say there. So tests can make it say words, loop, doubt
itself, or claim that nobody speaks. Its words measure no recognition.
"""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from ctranslate2.converters import TransformersConverter
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from torch import Tensor
from transformers import PreTrainedTokenizerFast, WhisperConfig, WhisperForConditionalGeneration
from transformers.utils import logging

MEL_BINS = 80
WIDTH = 64
POSITIONS = 448
SPECIAL_TOKENS = (
    "<|endoftext|>",
    "<|startoftranscript|>",
    "<|en|>",
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
    "<|nospeech|>",
    "<|notimestamps|>",
)
TIMESTAMPS = 1501


def make_tiny_whisper(
    folder: Path, words: str = "", *, certainty: float = 4.0, nobody_speaks: bool = False
) -> Path:
    """Write the model.

    Args:
        folder: where to; made where missing.
        words: what it says, whatever it hears.
        certainty: how surely it says them: at 4 the log-probability of its words is about 0, at 1 about -1.
        nobody_speaks: whether it claims that there is no speech.

    Returns:
        The folder.
    """
    tokenizer = _tokenizer()
    config = WhisperConfig(
        vocab_size=tokenizer.get_vocab_size() + TIMESTAMPS,
        num_mel_bins=MEL_BINS,
        d_model=WIDTH,
        encoder_layers=1,
        encoder_attention_heads=2,
        encoder_ffn_dim=WIDTH,
        decoder_layers=1,
        decoder_attention_heads=2,
        decoder_ffn_dim=WIDTH,
        max_target_positions=POSITIONS,
        decoder_start_token_id=_id(tokenizer, "<|startoftranscript|>"),
        bos_token_id=_id(tokenizer, "<|endoftext|>"),
        eos_token_id=_id(tokenizer, "<|endoftext|>"),
        pad_token_id=_id(tokenizer, "<|endoftext|>"),
    )
    torch.manual_seed(0)
    model = WhisperForConditionalGeneration(config)
    model.generation_config.suppress_tokens = []
    model.generation_config.begin_suppress_tokens = []
    _point_positions(model, tokenizer, words, certainty, nobody_speaks)
    folder.mkdir(parents=True, exist_ok=True)
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    with TemporaryDirectory() as original:
        model.save_pretrained(original)
        wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer)  # type: ignore[no-untyped-call]
        wrapped.save_pretrained(original)
        TransformersConverter(original).convert(str(folder), force=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "preprocessor_config.json").write_text(json.dumps({"feature_size": MEL_BINS}), encoding="utf-8")
    return folder


def _tokenizer() -> Tokenizer:
    """A token a byte, and Whisper's special tokens.

    faster-whisper suppresses the first token of " -", " '" and " ♪": merged, these spare the space.
    """
    merges = [("Ġ", "-"), ("Ġ", "'"), ("Ġ", "â")]
    symbols = [*sorted(pre_tokenizers.ByteLevel.alphabet()), *("".join(pair) for pair in merges)]
    tokenizer = Tokenizer(models.BPE({symbol: i for i, symbol in enumerate(symbols)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in SPECIAL_TOKENS])
    return tokenizer


def _point_positions(
    model: WhisperForConditionalGeneration,
    tokenizer: Tokenizer,
    words: str,
    certainty: float,
    nobody_speaks: bool,
) -> None:
    """Silence the decoder's layers and point its positions at the tokens to say."""
    decoder = model.model.decoder
    loudness = 8.0  # of the position, against the 1 of the token before it
    tokens: Tensor = decoder.embed_tokens.weight  # [vocabulary, WIDTH], shared with the output projection
    first_timestamp = tokenizer.get_vocab_size()
    said = [first_timestamp, *tokenizer.encode(" " + words).ids, _id(tokenizer, "<|endoftext|>")]
    if nobody_speaks:
        said[0] = _id(tokenizer, "<|nospeech|>")
    with torch.no_grad():
        tokens.copy_(torch.nn.functional.normalize(torch.randn_like(tokens), dim=1))
        for layer in decoder.layers:
            for output in (layer.self_attn.out_proj, layer.encoder_attn.out_proj, layer.fc2):
                output.weight.zero_()
                output.bias.zero_()
        pointed = torch.tensor(said)[:POSITIONS]
        positions = decoder.embed_positions.weight  # [POSITIONS, WIDTH]
        positions.copy_(tokens[said[-1]].expand_as(positions) * loudness)
        positions[: len(pointed)] = tokens[pointed] * loudness
        decoder.layer_norm.weight.fill_(certainty)


def _id(tokenizer: Tokenizer, token: str) -> int:
    number = tokenizer.token_to_id(token)
    assert number is not None
    return number
