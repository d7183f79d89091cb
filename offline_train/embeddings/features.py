"""Embeds precomputed speech features by Stage I."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from offline_train.corpora.corpus import Conversation
from offline_train.errors import UsageError
from offline_train.runs.networks import load_feature_encoder
from offline_train.runs.run import Run


@torch.inference_mode()
def embed_features(run: Run, conversations: Sequence[Conversation]) -> tuple[Tensor, Tensor]:
    """S1 [N, width] of all utterances in order, zero without features, and which utterances have some [N]."""
    encoder = load_feature_encoder(run)
    found = [utterance.speech for conversation in conversations for utterance in conversation.utterances]
    present = torch.tensor([features is not None for features in found], dtype=torch.bool)
    rows = torch.zeros(len(found), encoder.speech.hidden.out_features)
    if present.any():
        rows[present], _ = encoder(stack([features for features in found if features is not None]))
    return rows, present


def stack(features: Sequence[NDArray[np.float32]]) -> Tensor:
    """Features of utterances, all of one size, as rows [N, D]."""
    if len(sizes := {each.shape for each in features}) > 1:
        raise UsageError(f"speech features must all be of one size, not {sorted(sizes)}")
    return torch.from_numpy(np.stack(features)).float()
