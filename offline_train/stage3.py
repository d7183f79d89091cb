"""Stage III: co-attention over two frozen Stage II networks (MERITS-L, section III-D)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from models.coattention import CoAttentionConfig
from models.context import ContextEncoder
from models.conversation import ConversationConfig, ConversationModel, one_conversation
from models.window import ConversationWindow
from offline_train.fit import FitSettings, fit
from offline_train.metrics import classification
from offline_train.run import Run
from offline_train.sequences import UNSCORED, Batch, Embedded, Scarcity, random_batches
from offline_train.stage2 import Presentation


@dataclass(frozen=True)
class FusionStageSettings:
    """How Stage III is trained.

    Attributes:
        width: both modalities are projected to this.
        heads: of every attention.
        dropout: see `CoAttentionConfig`.
        epochs: at most; `patience` ends it earlier.
        patience: epochs without a better validation score.
        batch: conversations a batch.
        learning_rate: peak.
        weight_decay: of AdamW.
        label_smoothing: of the cross-entropy.
        seed: of initialisation, order, dropout, pairing and what is taken away.
        silent: share of training conversations without sound (and with no mismatched words).
        scarcity: what else is taken away.
    """

    width: int = 96
    heads: int = 4
    dropout: float = 0.5
    epochs: int = 50
    patience: int = 12
    batch: int = 32
    learning_rate: float = 5e-4
    weight_decay: float = 0.01
    label_smoothing: float = 0.1
    seed: int = 1
    silent: float = 0.35
    scarcity: Scarcity = field(default_factory=lambda: Scarcity(all_text=0.15))


def train_fusion(
    text: ContextEncoder,
    speech: ContextEncoder,
    data: Mapping[str, Sequence[Embedded]],
    labels: Sequence[str],
    settings: FusionStageSettings,
    run: Run,
    present: Presentation,
    extra: Mapping[str, Any],
) -> tuple[ConversationModel, dict[str, Any]]:
    """Train on split "train", select on "validation" (the mean of with and without sound), report all splits.

    Args:
        text: Stage II of the words; frozen here.
        speech: Stage II of the sound; frozen here.
        data: conversations by split, with sound; those of "train" are passed through `present` in each epoch.
        labels: emotions by class index.
        settings: how.
        run: where.
        present: how training conversations are shown (pairing, mismatches).
        extra: what else is to stand in the run's metrics.
    """
    torch.manual_seed(settings.seed)
    fusion = CoAttentionConfig(
        text=2 * text.config.hidden,
        speech=2 * speech.config.hidden,
        width=settings.width,
        heads=settings.heads,
        classes=len(labels),
        dropout=settings.dropout,
    )
    model = ConversationModel(ConversationConfig(text.config, speech.config, fusion))
    model.text, model.speech = text, speech
    text.requires_grad_(requires_grad=False)
    speech.requires_grad_(requires_grad=False)

    def batches(generator: torch.Generator) -> list[Batch]:
        shown = [present(c, generator) for c in data["train"]]
        return random_batches(shown, settings.batch, settings.scarcity, generator)

    def loss(batch: Batch) -> Tensor:
        text.eval()
        speech.eval()
        logits = model(*batch[:5]).fused
        return functional.cross_entropy(
            logits.flatten(0, 1), batch.labels.flatten(), label_smoothing=settings.label_smoothing
        )

    def validate() -> dict[str, float]:
        both, alone = (
            judge_conversations(model, data["validation"], labels, kept=kept)["weighted_f1"]
            for kept in ((True, True), (True, False))
        )
        return {"score": (both + alone) / 2, "with_sound": both, "words_alone": alone}

    optimise = FitSettings(
        epochs=settings.epochs,
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        seed=settings.seed,
        patience=settings.patience,
    )
    best = fit(model, batches, loss, validate, optimise, run.folder, "Stage III")
    metrics = {
        "best_epoch": int(best["epoch"]),
        **extra,
        **{
            split: {
                name: judge_conversations(model, part, labels, kept=kept)
                for name, kept in (
                    ("with_sound", (True, True)),
                    ("words_alone", (True, False)),
                    ("sound_alone", (False, True)),
                )
            }
            for split, part in data.items()
            if split != "train"
        },
    }
    run.finish(model.fusion, {"fusion": fusion}, metrics)
    return model, metrics


def judge_conversations(
    model: ConversationModel,
    conversations: Sequence[Embedded],
    labels: Sequence[str],
    *,
    kept: tuple[bool, bool] = (True, True),
    window: int | None = None,
) -> dict[str, Any]:
    """Metrics of the fused emotion over scored turns.

    Args:
        model: Stages II and III.
        conversations: what to judge.
        labels: emotions by class index.
        kept: whether words, and sound, may be used.
        window: None for the offline form; else turns in the incremental one, each judged as it arrives.
    """
    truth, predicted = [], []
    for conversation in conversations:
        shown = replace(conversation, present=conversation.present & torch.tensor(kept))
        fused = offline(model, shown) if window is None else first_emissions(model, shown, window)
        scored = conversation.labels != UNSCORED
        truth.append(conversation.labels[scored])
        predicted.append(fused.argmax(-1)[scored])
    return classification(torch.cat(truth).numpy(), torch.cat(predicted).numpy(), labels)


@torch.inference_mode()
def offline(model: ConversationModel, conversation: Embedded) -> Tensor:
    """Fused logits [K, C] with the whole conversation in view."""
    return one_conversation(model, conversation.text, conversation.speech, conversation.present).fused


def first_emissions(model: ConversationModel, conversation: Embedded, window: int) -> Tensor:
    """Fused logits [K, C] of every turn at the moment it is the newest."""
    streamed = ConversationWindow(model, window)
    rows = zip(conversation.text, conversation.speech, conversation.present.tolist(), strict=True)
    return torch.stack(
        [
            streamed.append(text if words else None, speech if sound else None).fused[-1]
            for text, speech, (words, sound) in rows
        ]
    )
