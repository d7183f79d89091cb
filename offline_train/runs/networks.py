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


def load_care(run: Run) -> Care | None:
    """Build the CARE network that a run of Stage I hears by; None for a run on precomputed features."""
    care = run.config.get("care")
    return None if care is None else build_care(CareConfig(**care)).eval()


def load_speech_classifier(run: Run) -> SpeechClassifier:
    """Load Stage I of the speech modality, over CARE or precomputed features."""
    dimension = run.weight_shape("speech.prior")[0]
    speech = SpeechClassifier(dimension, SpeechConfig(**run.config["speech"]))
    run.load_weights(torch.nn.ModuleDict({"speech": speech}))
    return speech


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
