"""Stage III: co-attention over two frozen Stage II networks (MERITS-L, section III-D)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from pydantic import PositiveInt
from torch import Tensor

from models.coattention import CoAttentionConfig
from models.context_encoder import ContextEncoder
from models.conversation import ConversationConfig, ConversationModel
from offline_train.batches.sequences import Batch, Embedded, Scarcity, random_batches
from offline_train.corpora.corpus import Split
from offline_train.evaluation.judge import BOTH, SOUND, WORDS, judge_conversations
from offline_train.runs.run import Run
from offline_train.stages.losses import scored_loss
from offline_train.stages.stage2 import Presentation
from offline_train.training.fit import FitSettings, fit
from offline_train.training.settings import Share


@dataclass(frozen=True)
class FusionStageSettings:
    """How Stage III is trained.

    Attributes:
        width: both modalities are projected to this.
        heads: of every attention; must divide width.
        dropout: see `CoAttentionConfig`.
        batch: conversations a batch.
        label_smoothing: of the cross-entropy.
        silent: with paired sound: share of training conversations without (and with no mismatched words).
        scarcity: what else is taken away.
        joint: train Stages II together with Stage III, from scratch, instead of freezing them.
        fit: how to optimise.
    """

    width: PositiveInt = 96
    heads: PositiveInt = 4
    dropout: Share = 0.5
    batch: PositiveInt = 32
    label_smoothing: Share = 0.1
    silent: Share = 0.35
    scarcity: Scarcity = field(default_factory=lambda: Scarcity(all_text=0.15))
    joint: bool = False
    fit: FitSettings = field(default_factory=lambda: FitSettings(epochs=50, learning_rate=5e-4, patience=12))

    def __post_init__(self) -> None:
        """Check what depends on two of them."""
        if self.width % self.heads:
            raise ValueError(f"heads {self.heads} must divide width {self.width}")


def train_fusion(
    text: ContextEncoder,
    speech: ContextEncoder,
    data: Mapping[Split, Sequence[Embedded]],
    labels: Sequence[str],
    settings: FusionStageSettings,
    run: Run,
    present: Presentation | None = None,
    extra: Mapping[str, Any] | None = None,
) -> tuple[ConversationModel, dict[str, Any]]:
    """Train on split "train", select on "validation", report the other splits.

    What is selected on is weighted F1 with both modalities, as the mean of offline and first emission; where
    the sound is paired in, the mean of with and without it.

    Args:
        text: Stage II of the words; frozen here, unless trained jointly.
        speech: Stage II of the sound; likewise.
        data: conversations by split; those of "train" are passed through `present` in each epoch.
        labels: emotions by class index.
        settings: how.
        run: where.
        present: how training conversations are shown (pairing, mismatches); as they are by default.
        extra: what else is to stand in the run's metrics.
    """
    torch.manual_seed(settings.fit.seed)
    fusion = CoAttentionConfig(
        text=2 * text.config.hidden,
        speech=2 * speech.config.hidden,
        width=settings.width,
        heads=settings.heads,
        classes=len(labels),
        dropout=settings.dropout,
    )
    model = ConversationModel(ConversationConfig(text.config, speech.config, fusion))
    if not settings.joint:
        model.text, model.speech = text, speech
        text.requires_grad_(requires_grad=False)
        speech.requires_grad_(requires_grad=False)

    def batches(generator: torch.Generator) -> list[Batch]:
        shown = [present(c, generator) if present else c for c in data["train"]]
        return random_batches(shown, settings.batch, settings.scarcity, generator)

    def loss(batch: Batch) -> Tensor:
        if not settings.joint:
            text.eval()
            speech.eval()
        return scored_loss(model(*batch[:5]).fused, batch, settings.label_smoothing)

    def judge(split: Split, kept: tuple[bool, bool], *, emission: bool = False) -> dict[str, Any]:
        return judge_conversations(model, data[split], labels, kept=kept, first_emission=emission)

    def validate() -> dict[str, float]:
        scores = {"with_sound": judge("validation", BOTH)["weighted_f1"]}
        if present is None:
            scores["first_emission"] = judge("validation", BOTH, emission=True)["weighted_f1"]
        else:
            scores["words_alone"] = judge("validation", WORDS)["weighted_f1"]
        return {"score": sum(scores.values()) / len(scores), **scores}

    best = fit(model, batches, loss, validate, settings.fit, run.folder, "Stage III")
    kinds = {"with_sound": BOTH, "words_alone": WORDS, "sound_alone": SOUND}
    judged = [split for split in data if split != "train" and data[split]]
    metrics: dict[str, Any] = {
        "best_epoch": int(best["epoch"]),
        **(extra or {}),
        **{split: {name: judge(split, kept) for name, kept in kinds.items()} for split in judged},
        "first_emission": {split: judge(split, BOTH, emission=True) for split in judged},
    }
    model.requires_grad_(requires_grad=True)  # what was frozen is stored too: the run stands by itself
    run.finish(model, {"conversation": model.config}, metrics)
    return model, metrics
