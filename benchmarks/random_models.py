"""Models of the true shape with random weights, where pre-trained ones are not at hand or not wanted."""

from pathlib import Path
from tempfile import TemporaryDirectory

from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    AutoConfig,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaModel,
    WavLMConfig,
    WavLMModel,
)

from models.base_encoder import find_base
from models.care import CareConfig, build_care
from models.care_wavlm import WavLMCare
from models.care_whisper import WhisperCare
from models.text_encoder import TextConfig, TextEncoder

_SHAPES = {
    "roberta-base": (768, 12, 12, 3072),
    "roberta-large": (1024, 24, 16, 4096),
}
"""Hidden size, layers, heads and inner size of the published models (Liu et al., 2019)."""


def random_care(config: CareConfig) -> WavLMCare | WhisperCare:
    """A CARE of the true shape; the published one with random weights, so that no base is looked for."""
    if config.kind == "whisper" or config.speech_base != CareConfig.speech_base:
        return build_care(config)
    return WavLMCare(
        WavLMModel(WavLMConfig()), RobertaModel(_roberta("roberta-base"), add_pooling_layer=False)
    )


def random_text_encoder(config: TextConfig) -> TextEncoder:
    """A text encoder of the true shape with random weights; the known shapes need no base at hand."""
    name = config.base.rsplit("/", 1)[-1]
    if name not in _SHAPES:
        return TextEncoder(config, find_base(config.base), pretrained=False)
    words = Tokenizer(models.WordLevel({"<pad>": 0, "<unk>": 1, "<s>": 2, "</s>": 3}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.BertProcessing(("</s>", 3), ("<s>", 2))
    tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=words, pad_token="<pad>", unk_token="<unk>", cls_token="<s>", sep_token="</s>"
    )
    with TemporaryDirectory() as folder:
        _roberta(name).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return TextEncoder(config, Path(folder), pretrained=False)


def _roberta(name: str) -> RobertaConfig:
    width, layers, heads, inner = _SHAPES[name]
    return RobertaConfig(
        vocab_size=50_265,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=inner,
        max_position_embeddings=514,
        type_vocab_size=1,
    )


def width_of(base: str) -> int:
    """Size of a text encoder's embeddings."""
    known = _SHAPES.get(base.rsplit("/", 1)[-1])
    return known[0] if known else int(AutoConfig.from_pretrained(find_base(base)).hidden_size)
