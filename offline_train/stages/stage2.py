"""Stage II: one modality's Bi-GRU with self-attention on frozen Stage I embeddings (MERITS-L, III-C)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from models.context_encoder import ContextConfig, ContextEncoder
from offline_train.batches.sequences import Batch, Embedded, Modality, Scarcity, collate, random_batches
from offline_train.corpora.corpus import Split
from offline_train.evaluation.calibration import fit_temperature
from offline_train.evaluation.judge import judge_context, read, scored_logits
from offline_train.pairing.spoken_corpus import PairingSettings
from offline_train.runs.run import Run
from offline_train.stages.losses import scored_loss
from offline_train.training.fit import FitSettings, fit
from offline_train.training.settings import Share

Epoch = Callable[[torch.Generator], Sequence[Embedded]]
"""Draws the training conversations of an epoch, always as many."""


@dataclass(frozen=True)
class ContextStageSettings:
    """Settings of Stage II.

    Attributes:
        hidden: size of each GRU direction.
        layers: number of GRU layers.
        heads: attention heads; must divide 2 * hidden.
        dropout: see `ContextConfig`.
        batch: conversations per batch.
        label_smoothing: label smoothing of the cross-entropy.
        distil: weight of the teachers' probabilities in the loss.
        scarcity: parts of conversations removed in training.
        pairing: how dialogues and clips are shown in training, with --clips.
        fit: settings of the optimisation.
    """

    hidden: PositiveInt = 128
    layers: PositiveInt = 1
    heads: PositiveInt = 4
    dropout: Share = 0.5
    batch: PositiveInt = 32
    label_smoothing: Share = 0.1
    distil: Share = 0.7
    scarcity: Scarcity = field(default_factory=Scarcity)
    pairing: PairingSettings = field(default_factory=PairingSettings)
    fit: FitSettings = field(default_factory=lambda: FitSettings(epochs=50, learning_rate=1e-3, patience=12))

    def __post_init__(self) -> None:
        """Check that the heads divide the width."""
        if 2 * self.hidden % self.heads:
            raise ValueError(f"heads {self.heads} must divide twice hidden, {2 * self.hidden}")


def train_context(
    modality: Modality,
    data: Mapping[Split, Sequence[Embedded]],
    labels: Sequence[str],
    settings: ContextStageSettings,
    run: Run,
    epoch: Epoch | None = None,
    acted: Mapping[Split, Sequence[Embedded]] | None = None,
    stage1: nn.Linear | None = None,
) -> dict[str, Any]:
    """Train on split "train", select on "validation", report every split.

    The epoch with the best weighted F1 is kept: the mean of offline and first emission, and of acted clips.

    Args:
        modality: the modality to train.
        data: conversations by split.
        labels: emotions by class index.
        settings: the settings.
        run: the run to write.
        epoch: draws the training conversations; by default, they are those of `data`.
        acted: further conversations, of acted clips, on which it is selected, calibrated and reported.
        stage1: the head of Stage I, whose logits are to be corrected by the context; None to begin anew.
    """
    torch.manual_seed(settings.fit.seed)
    features = data["train"][0].text if modality == "text" else data["train"][0].speech
    config = ContextConfig(
        features=features.shape[1],
        hidden=settings.hidden,
        layers=settings.layers,
        heads=settings.heads,
        classes=len(labels),
        dropout=settings.dropout,
        skip=stage1 is not None,
    )
    model = ContextEncoder(config)
    if stage1 is not None:
        model.begin_with(stage1)

    def batches(generator: torch.Generator) -> list[Batch]:
        shown = epoch(generator) if epoch else data["train"]
        return random_batches(shown, settings.batch, settings.scarcity, generator)

    def loss(batch: Batch) -> Tensor:
        return scored_loss(read(model, modality, batch), batch, settings.label_smoothing, settings.distil)

    def judge(part: Sequence[Embedded], *, emission: bool = False) -> dict[str, Any]:
        return judge_context(model, modality, part, labels, first_emission=emission)

    def validate() -> dict[str, float]:
        scores = {
            "offline": judge(data["validation"])["weighted_f1"],
            "first_emission": judge(data["validation"], emission=True)["weighted_f1"],
        }
        if acted:
            scores["acted"] = judge(acted["validation"])["weighted_f1"]
        return {"score": sum(scores.values()) / len(scores), **scores}

    best = fit(model, batches, loss, validate, settings.fit, run.folder, f"Stage II {modality}")
    metrics: dict[str, Any] = {
        "best_epoch": int(best["epoch"]),
        "temperature": calibrate(
            model, modality, [*data["validation"], *(acted["validation"] if acted else [])]
        ),
        **{split: judge(part) for split, part in data.items()},
        "first_emission": {
            split: judge(part, emission=True) for split, part in data.items() if split != "train"
        },
    }
    if acted:
        metrics["acted"] = {split: judge(part) for split, part in acted.items()}
    run.finish(model, {"context": config, "modality": modality}, metrics)
    return metrics


def calibrate(model: ContextEncoder, modality: Modality, conversations: Sequence[Embedded]) -> float:
    """Scale the head of the model by the temperature fitted on validation data.

    Stage III adds the logits of both modalities: an overconfident one would dominate the other.

    Returns:
        The temperature.
    """
    truth, logits = scored_logits(model, modality, conversations)
    # A few turns that are all correct would give a temperature near 0.
    temperature = min(max(fit_temperature(logits, truth), 0.5), 5.0)
    with torch.no_grad():
        for parameter in model.head.parameters():
            parameter.div_(temperature)
    return temperature


def with_teachers(
    data: Mapping[Split, Sequence[Embedded]], teachers: Sequence[tuple[ContextEncoder, Sequence[Embedded]]]
) -> dict[Split, list[Embedded]]:
    """Conversations whose training turns include the mean of the teachers' probabilities.

    Args:
        data: conversations by split.
        teachers: Stage II models of the text modality, with training conversations embedded by their Stage I.
    """
    opinions = [
        [_opinion(model, conversation) for conversation in conversations] for model, conversations in teachers
    ]
    taught = [
        replace(conversation, soft=torch.stack(said).mean(0))
        for conversation, *said in zip(data["train"], *opinions, strict=True)
    ]
    return {split: taught if split == "train" else list(part) for split, part in data.items()}


@torch.inference_mode()
def _opinion(model: ContextEncoder, conversation: Embedded) -> Tensor:
    return read(model, "text", collate([conversation]))[0].softmax(-1)
