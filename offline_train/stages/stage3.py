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
    """Settings of Stage III.

    Attributes:
        width: size to which both modalities are projected.
        heads: attention heads; must divide width.
        dropout: see `CoAttentionConfig`.
        batch: conversations per batch.
        label_smoothing: label smoothing of the cross-entropy.
        silent: with paired sound: share of training conversations without sound and without mismatched words.
        scarcity: other parts of conversations removed in training.
        joint: train Stage II of both modalities together with Stage III from scratch, instead of freezing it.
        fit: settings of the optimisation.
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
        """Check that the heads divide the width."""
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

    The epoch with the best weighted F1 is kept: the mean of offline and first emission with both modalities,
    or, for paired sound, the mean of with and without sound.

    Args:
        text: Stage II of the text modality; frozen unless trained jointly.
        speech: Stage II of the speech modality; frozen unless trained jointly.
        data: conversations by split; those of "train" are passed through `present` in each epoch.
        labels: emotions by class index.
        settings: the settings.
        run: the run to write.
        present: transforms training conversations (pairing, mismatches); by default, they are unchanged.
        extra: further entries of the run's metrics.
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
    model.requires_grad_(requires_grad=True)  # frozen parts are stored too: the run is complete
    run.finish(model, {"conversation": model.config}, metrics)
    return model, metrics
