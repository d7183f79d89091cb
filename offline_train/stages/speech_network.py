"""Trains the network of Stage I of the speech modality on embedded turns, of CARE or of another origin."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import torch
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from models.config_limits import Share as Dropout
from models.speech_classifier import SpeechClassifier, SpeechConfig
from offline_train.batches.histories import Histories, HistorySettings
from offline_train.batches.plane_targets import plane_targets
from offline_train.batches.speech import Batch, DrawnBatches, Voices, turn_weights, usual_in_order
from offline_train.corpora.corpus import Split
from offline_train.evaluation.voices import judge_voices, mean_score
from offline_train.runs.run import Run
from offline_train.training.devices import here
from offline_train.training.fit import FitSettings, fit
from offline_train.training.settings import Share

JUDGED: tuple[Split, ...] = ("validation", "test")


@dataclass(frozen=True)
class SpeechNetworkSettings:
    """Settings of the network over embedded turns.

    Attributes:
        width: size of S1, the logits of arousal and valence included.
        hidden: size of an additional layer before S1; 0 for none.
        dropout: dropout rate before each layer.
        prior_turns: how many turns of a speaker the prior is worth.
        history: the earlier turns that training turns are judged against.
        batch: utterances per batch.
        label_smoothing: label smoothing of the emotions' cross-entropy.
        balance: 0 weights utterances equally, 1 weights every emotion of every corpus equally.
        ordinary: how much more ordinary speech weighs than acted.
        plane: weight of the losses of arousal and valence.
        fit: settings of the optimisation.
    """

    width: Annotated[int, Field(ge=3, le=16_384)] = 128
    hidden: NonNegativeInt = 256
    dropout: Dropout = 0.4
    prior_turns: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 4.0
    history: HistorySettings = field(default_factory=HistorySettings)
    batch: PositiveInt = 64
    label_smoothing: Share = 0.0
    balance: NonNegativeFloat = 0.5
    ordinary: NonNegativeFloat = 6.0
    plane: NonNegativeFloat = 1.0
    fit: FitSettings = field(
        default_factory=lambda: FitSettings(epochs=30, learning_rate=1e-3, weight_decay=0.05, average=0.99)
    )


def train_network(
    data: Mapping[Split, Voices],
    labels: Sequence[str],
    settings: SpeechNetworkSettings,
    run: Run,
    config: Mapping[str, Any],
    care: nn.Module | None = None,
) -> dict[str, Any]:
    """Train on split "train" and select on "validation"; "test" is evaluated once, at the end.

    Args:
        data: embedded turns by split.
        labels: emotions by class index.
        settings: the settings.
        run: the run to write; a killed one is resumed.
        config: what else belongs to the model's configuration.
        care: the network that made the embeddings, to be stored where its weights are not to be had again.

    Returns:
        Metrics by split, as stored in the run.
    """
    train = data["train"]
    torch.manual_seed(settings.fit.seed)
    shape = SpeechConfig(settings.width, len(labels), settings.dropout, settings.hidden, settings.prior_turns)
    speech = SpeechClassifier(train.embeddings.shape[-1], shape)
    speech.measure(train.embeddings.flatten(0, 1))
    histories = Histories(train.speakers, train.countable, train.ordinary, settings.history)
    weights = turn_weights(train, settings.balance, settings.ordinary)
    expected = {split: usual_in_order(data[split], speech) for split in JUDGED}
    targets = plane_targets(labels).to(here().device)

    def batches(generator: torch.Generator) -> DrawnBatches:
        return DrawnBatches(train, weights, histories, speech, settings.batch, generator)

    def loss(batch: Batch) -> Tensor:
        _, logits, plane = speech(batch.embeddings, batch.usual)
        emotions = functional.cross_entropy(
            logits.float(), batch.labels, reduction="none", label_smoothing=settings.label_smoothing
        )
        return _mean(emotions, batch.weights) + settings.plane * _plane_loss(
            plane.float(), targets[batch.labels], batch.weights
        )

    @torch.no_grad()
    def judge(split: Split) -> dict[str, Any]:
        device = speech.prior.device
        voice = speech(data[split].embeddings[:, 0].to(device), expected[split].to(device))
        return judge_voices(data[split], voice.logits.cpu(), voice.plane.cpu(), labels)

    def validate() -> dict[str, float]:
        report = judge("validation")
        return {"score": mean_score(report), "weighted_f1": report["weighted_f1"]}

    best = fit(speech, batches, loss, validate, settings.fit, run.folder, f"Stage I {run.folder.name}")
    metrics = {"best_epoch": int(best["epoch"]), **{str(split): judge(split) for split in JUDGED}}
    model = nn.ModuleDict({"speech": speech} if care is None else {"care": care, "speech": speech})
    run.finish(model, {**config, "speech": shape, "labels": tuple(labels)}, metrics)
    return metrics


def _plane_loss(plane: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Binary cross-entropies of arousal and valence: logits, targets (NaN for none) [B, 2], weights [B]."""
    losses = functional.binary_cross_entropy_with_logits(plane, targets.nan_to_num(), reduction="none")
    known = weights[:, None] * targets.isfinite()
    return _mean(losses[:, 0], known[:, 0]) + _mean(losses[:, 1], known[:, 1])


def _mean(losses: Tensor, weights: Tensor) -> Tensor:
    return (losses * weights).sum() / weights.sum().clamp_min(1e-6)
