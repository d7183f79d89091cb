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
from offline_train.pairing.spoken_corpus import PairingSettings
from offline_train.runs.run import Run
from offline_train.stages.losses import scored_loss
from offline_train.stages.stage2 import Epoch
from offline_train.training.fit import FitSettings, fit
from offline_train.training.settings import Share


@dataclass(frozen=True)
class FusionStageSettings:
    """Settings of Stage III.

    Attributes:
        width: size to which both modalities are projected.
        heads: attention heads; must divide width.
        dropout: see `CoAttentionConfig`.
        weighed: see `CoAttentionConfig`.
        batch: conversations per batch.
        label_smoothing: label smoothing of the cross-entropy.
        silent: with --clips: share of the training dialogues without sound.
        scarcity: other parts of conversations removed in training.
        pairing: how dialogues and clips are shown in training, with --clips.
        joint: train Stage II of both modalities together with Stage III from scratch, instead of freezing it.
        fit: settings of the optimisation.
    """

    width: PositiveInt = 96
    heads: PositiveInt = 4
    dropout: Share = 0.5
    weighed: bool = True
    batch: PositiveInt = 32
    label_smoothing: Share = 0.1
    silent: Share = 0.35
    scarcity: Scarcity = field(default_factory=lambda: Scarcity(all_text=0.15, recognised=0.5))
    pairing: PairingSettings = field(default_factory=PairingSettings)
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
    epoch: Epoch | None = None,
    acted: Mapping[Split, Sequence[Embedded]] | None = None,
) -> tuple[ConversationModel, dict[str, Any]]:
    """Train on split "train", select on "validation", report the other splits.

    The epoch with the best weighted F1 is kept: the mean of offline and first emission with both modalities,
    and, with acted clips, of offline without sound and of these clips.

    Args:
        text: Stage II of the text modality; frozen unless trained jointly.
        speech: Stage II of the speech modality; frozen unless trained jointly.
        data: conversations by split.
        labels: emotions by class index.
        settings: the settings.
        run: the run to write.
        epoch: draws the training conversations; by default, they are those of `data`.
        acted: further conversations, of acted clips, on which it is selected and reported.
    """
    torch.manual_seed(settings.fit.seed)
    fusion = CoAttentionConfig(
        text=2 * text.config.hidden,
        speech=2 * speech.config.hidden,
        width=settings.width,
        heads=settings.heads,
        classes=len(labels),
        dropout=settings.dropout,
        weighed=settings.weighed,
    )
    model = ConversationModel(ConversationConfig(text.config, speech.config, fusion))
    if not settings.joint:
        model.text, model.speech = text, speech
        text.requires_grad_(requires_grad=False)
        speech.requires_grad_(requires_grad=False)

    def batches(generator: torch.Generator) -> list[Batch]:
        shown = epoch(generator) if epoch else data["train"]
        return random_batches(shown, settings.batch, settings.scarcity, generator)

    def loss(batch: Batch) -> Tensor:
        if not settings.joint:
            text.eval()
            speech.eval()
        return scored_loss(model(*batch[:4]).fused, batch, settings.label_smoothing)

    def judge(part: Sequence[Embedded], kept: tuple[bool, bool], *, emission: bool = False) -> dict[str, Any]:
        return judge_conversations(model, part, labels, kept=kept, first_emission=emission)

    def validate() -> dict[str, float]:
        scores = {
            "with_sound": judge(data["validation"], BOTH)["weighted_f1"],
            "first_emission": judge(data["validation"], BOTH, emission=True)["weighted_f1"],
        }
        if acted is not None:
            scores["words_alone"] = judge(data["validation"], WORDS)["weighted_f1"]
            scores["acted"] = judge(acted["validation"], BOTH)["weighted_f1"]
        return {"score": sum(scores.values()) / len(scores), **scores}

    def report(parts: Mapping[Split, Sequence[Embedded]]) -> dict[str, Any]:
        kinds = {"with_sound": BOTH, "words_alone": WORDS, "sound_alone": SOUND}
        return {
            split: {name: judge(part, kept) for name, kept in kinds.items()}
            for split, part in parts.items()
            if split != "train" and part
        }

    best = fit(model, batches, loss, validate, settings.fit, run.folder, "Stage III")
    metrics: dict[str, Any] = {
        "best_epoch": int(best["epoch"]),
        **report(data),
        "first_emission": {
            split: judge(part, BOTH, emission=True)
            for split, part in data.items()
            if split != "train" and part
        },
    }
    if acted is not None:
        metrics["acted"] = report(acted)
    model.requires_grad_(requires_grad=True)  # frozen parts are stored too: the run is complete
    run.finish(model, {"conversation": model.config}, metrics)
    return model, metrics
