"""Loads the networks of runs."""

from typing import TYPE_CHECKING

import torch

from models.base_encoder import find_base
from models.care import CareConfig, SpeechClassifier, SpeechConfig, build_care
from models.care_features import FeatureEncoder
from models.care_small import SmallCare
from models.coattention import CoAttentionConfig
from models.context_encoder import ContextConfig, ContextEncoder
from models.conversation import ConversationConfig, ConversationModel
from models.text_encoder import TextConfig, TextEncoder
from offline_train.runs.run import Run

if TYPE_CHECKING:
    from models.care_wavlm import WavLMCare


def load_text_encoder(run: Run) -> TextEncoder:
    """Load Stage I of the text modality."""
    config = TextConfig(**run.config["text"])
    model = TextEncoder(config, find_base(config.base, run.config["base_sha256"]))
    run.load_weights(model)
    return model


def load_speech_encoder(run: Run) -> "tuple[SmallCare | WavLMCare, SpeechClassifier]":
    """Load CARE and Stage I of the speech modality."""
    care = build_care(CareConfig(**run.config["care"]))
    speech = SpeechClassifier(care.dimension, SpeechConfig(**run.config["speech"]))
    run.load_weights(torch.nn.ModuleDict({"care": care, "speech": speech}))
    return care, speech


def load_context(run: Run) -> ContextEncoder:
    """Load Stage II of either modality."""
    model = ContextEncoder(ContextConfig(**run.config["context"]))
    run.load_weights(model)
    return model


def load_feature_encoder(run: Run) -> FeatureEncoder:
    """Load Stage I on precomputed features."""
    model = FeatureEncoder(int(run.config["features"]), SpeechConfig(**run.config["speech"]))
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
