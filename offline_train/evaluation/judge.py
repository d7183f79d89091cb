"""Metrics of Stages II and III over the scored turns of conversations."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from models.context_encoder import ContextEncoder
from models.conversation import ConversationModel
from offline_train.batches.sequences import UNSCORED, Batch, Embedded, Modality, collate
from offline_train.evaluation.metrics import classification
from offline_train.evaluation.streamed import offline
from offline_train.training.devices import to_device

BOTH, WORDS, SOUND = (True, True), (True, False), (False, True)
"""Whether words and sound may be used."""


def read(model: ContextEncoder, modality: Modality, batch: Batch) -> Tensor:
    """Stage II logits [B, K, C] of a batch."""
    if modality == "text":
        return model(batch.text, batch.evidence[..., 0] > 0, batch.turns)[1]  # type: ignore[no-any-return]
    return model(batch.speech, batch.evidence[..., 1] > 0, batch.turns)[1]  # type: ignore[no-any-return]


def judge_context(
    model: ContextEncoder,
    modality: Modality,
    conversations: Sequence[Embedded],
    labels: Sequence[str],
    *,
    first_emission: bool = False,
) -> dict[str, Any]:
    """Metrics over scored turns, offline or with no later turns known."""
    truth, logits = scored_logits(model, modality, conversations, first_emission=first_emission)
    return classification(truth.numpy(), logits.argmax(-1).numpy(), labels)


@torch.inference_mode()
def scored_logits(
    model: ContextEncoder,
    modality: Modality,
    conversations: Sequence[Embedded],
    *,
    first_emission: bool = False,
) -> tuple[Tensor, Tensor]:
    """Class indices [N] and logits [N, C] of all scored turns."""
    device = next(model.parameters()).device
    truth, found = [], []
    for conversation in conversations:
        if first_emission:
            shown = to_device(conversation, device)
            features, column = (shown.text, 0) if modality == "text" else (shown.speech, 1)
            logits = model.newest(features, shown.present[:, column])[1]
        else:
            logits = read(model, modality, to_device(collate([conversation]), device))[0]
        scored = conversation.labels != UNSCORED
        truth.append(conversation.labels[scored])
        found.append(logits.cpu()[scored])
    return torch.cat(truth), torch.cat(found)


def judge_conversations(
    model: ConversationModel,
    conversations: Sequence[Embedded],
    labels: Sequence[str],
    *,
    kept: tuple[bool, bool] = BOTH,
    first_emission: bool = False,
) -> dict[str, Any]:
    """Metrics of the fused emotion over scored turns.

    Args:
        model: Stages II and III.
        conversations: the conversations.
        labels: emotions by class index.
        kept: whether words and sound may be used.
        first_emission: classify each turn with no later turns known.
    """
    truth, predicted = [], []
    for conversation in conversations:
        shown = replace(conversation, present=conversation.present & torch.tensor(kept))
        fused = newest(model, shown) if first_emission else offline(model, shown).fused
        scored = conversation.labels != UNSCORED
        truth.append(conversation.labels[scored])
        predicted.append(fused.argmax(-1)[scored])
    return classification(torch.cat(truth).numpy(), torch.cat(predicted).numpy(), labels)


@torch.inference_mode()
def newest(model: ConversationModel, conversation: Embedded) -> Tensor:
    """Fused logits [K, C] of every turn with no later turns known."""
    batch = collate([conversation.prefix(k + 1) for k in range(len(conversation))])
    fused: Tensor = model(*to_device(batch, next(model.parameters()).device)[:4]).fused.cpu()
    return fused.diagonal(dim1=0, dim2=1).T
