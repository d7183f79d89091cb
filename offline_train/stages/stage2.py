"""Stage II: one modality's Bi-GRU with self-attention on frozen Stage I embeddings (MERITS-L, III-C)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from pydantic import PositiveInt
from torch import Tensor

from models.context_encoder import ContextConfig, ContextEncoder
from offline_train.batches.sequences import Batch, Embedded, Modality, Scarcity, collate, random_batches
from offline_train.corpora.corpus import Split
from offline_train.evaluation.calibration import fit_temperature
from offline_train.evaluation.judge import judge_context, read, scored_logits
from offline_train.runs.run import Run
from offline_train.stages.losses import scored_loss
from offline_train.training.fit import FitSettings, fit
from offline_train.training.settings import Share

Presentation = Callable[[Embedded, torch.Generator], Embedded]
"""How a training conversation is shown in one epoch (pairing, mismatches)."""


@dataclass(frozen=True)
class ContextStageSettings:
    """How Stage II is trained.

    Attributes:
        hidden: of each GRU direction.
        layers: of the GRU.
        heads: of the self-attention; must divide 2 * hidden.
        dropout: see `ContextConfig`.
        batch: conversations a batch.
        label_smoothing: of the cross-entropy.
        distil: with teachers: their share in the loss.
        scarcity: what is taken away.
        fit: how to optimise.
    """

    hidden: PositiveInt = 128
    layers: PositiveInt = 1
    heads: PositiveInt = 4
    dropout: Share = 0.5
    batch: PositiveInt = 32
    label_smoothing: Share = 0.1
    distil: Share = 0.7
    scarcity: Scarcity = field(default_factory=Scarcity)
    fit: FitSettings = field(default_factory=lambda: FitSettings(epochs=50, learning_rate=1e-3, patience=12))

    def __post_init__(self) -> None:
        """Check what depends on two of them."""
        if 2 * self.hidden % self.heads:
            raise ValueError(f"heads {self.heads} must divide twice hidden, {2 * self.hidden}")


def train_context(
    modality: Modality,
    data: Mapping[Split, Sequence[Embedded]],
    labels: Sequence[str],
    settings: ContextStageSettings,
    run: Run,
    present: Presentation | None = None,
) -> dict[str, Any]:
    """Train on split "train", select on "validation", report every split.

    Args:
        modality: which embeddings to read.
        data: conversations by split; those of "train" are passed through `present` anew in each epoch.
        labels: emotions by class index.
        settings: how.
        run: where.
        present: how training conversations are shown; as they are by default.
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
    )
    model = ContextEncoder(config)

    def batches(generator: torch.Generator) -> list[Batch]:
        shown = [present(c, generator) if present else c for c in data["train"]]
        return random_batches(shown, settings.batch, settings.scarcity, generator)

    def loss(batch: Batch) -> Tensor:
        return scored_loss(read(model, modality, batch), batch, settings.label_smoothing, settings.distil)

    def judge(split: Split, *, emission: bool = False) -> dict[str, Any]:
        return judge_context(model, modality, data[split], labels, first_emission=emission)

    def validate() -> dict[str, float]:
        offline = judge("validation")["weighted_f1"]
        first = judge("validation", emission=True)["weighted_f1"]
        return {"score": (offline + first) / 2, "offline": offline, "first_emission": first}

    best = fit(model, batches, loss, validate, settings.fit, run.folder, f"Stage II {modality}")
    metrics: dict[str, Any] = {
        "best_epoch": int(best["epoch"]),
        "temperature": calibrate(model, modality, data["validation"]),
        **{split: judge(split) for split in data},
        "first_emission": {split: judge(split, emission=True) for split in data if split != "train"},
    }
    run.finish(model, {"context": config, "modality": modality}, metrics)
    return metrics


def calibrate(model: ContextEncoder, modality: Modality, conversations: Sequence[Embedded]) -> float:
    """Divide the logits, once and for all, by the temperature that suits validation data.

    Stage III adds up what both modalities say: one that is surer than it should be would drown the other.

    Returns:
        The temperature.
    """
    truth, logits = scored_logits(model, modality, conversations)
    # A handful of turns that are all right would ask for certainty.
    temperature = min(max(fit_temperature(logits, truth), 0.5), 5.0)
    with torch.no_grad():
        for parameter in model.head.parameters():
            parameter.div_(temperature)
    return temperature


def with_teachers(
    data: Mapping[Split, Sequence[Embedded]], teachers: Sequence[tuple[ContextEncoder, Sequence[Embedded]]]
) -> dict[Split, list[Embedded]]:
    """Conversations whose training turns carry what teachers think of them.

    Args:
        data: conversations by split.
        teachers: Stages II of the words, each with the training conversations as its own Stage I embeds them.
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
