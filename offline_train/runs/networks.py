"""Loads the networks of runs."""

import torch

from models.base_encoder import find_base
from models.care import Care, CareConfig, build_care
from models.coattention import CoAttentionConfig
from models.context_encoder import ContextConfig, ContextEncoder
from models.conversation import ConversationConfig, ConversationModel
from models.speech_classifier import SpeechClassifier, SpeechConfig
from models.text_encoder import TextConfig, TextEncoder
from offline_train.runs.run import Run


def load_text_encoder(run: Run) -> TextEncoder:
    """Load Stage I of the text modality."""
    config = TextConfig(**run.config["text"])
    model = TextEncoder(config, find_base(config.base, run.config["base_sha256"]))
    run.load_weights(model)
    return model


def load_speech_encoder(run: Run) -> tuple[Care | None, SpeechClassifier]:
    """Load CARE, None for precomputed features, and Stage I of the speech modality."""
    shape = run.config.get("care")
    care = None if shape is None else build_care(CareConfig(**shape))
    speech = SpeechClassifier(run.weight_shape("speech.prior")[0], SpeechConfig(**run.config["speech"]))
    parts = torch.nn.ModuleDict({"speech": speech})
    if care is not None:
        parts["care"] = care
    run.load_weights(parts)
    return care, speech


def load_context(run: Run) -> ContextEncoder:
    """Load Stage II of either modality."""
    model = ContextEncoder(ContextConfig(**run.config["context"]))
    run.load_weights(model)
    return model


def load_conversation(run: Run) -> ConversationModel:
    """Load Stages II and III from a run of Stage III."""
    stored = run.config["conversation"]
    config = ConversationConfig(
        ContextConfig(**stored["text"]),
        ContextConfig(**stored["speech"]),
        CoAttentionConfig(**stored["fusion"]),
    )
    model = ConversationModel(config)
    run.load_weights(model)
    return model
