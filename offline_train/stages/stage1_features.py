"""Stage I, precomputed speech features: a small network on single utterances (MERITS-L, III-B)."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from pydantic import NonNegativeFloat, PositiveInt
from torch import Tensor
from torch.nn import functional

from models.care import SpeechConfig
from models.care_features import FeatureEncoder
from offline_train.batches.class_balance import class_weights
from offline_train.corpora.corpus import SPLITS, Corpus, Split
from offline_train.embeddings.features import stack
from offline_train.errors import UsageError
from offline_train.evaluation.metrics import classification
from offline_train.runs.run import Run
from offline_train.training.devices import here
from offline_train.training.fit import FitSettings, fit
from offline_train.training.settings import Share


@dataclass(frozen=True)
class FeatureStageSettings:
    """Settings of Stage I of the speech modality on precomputed features.

    Attributes:
        width: size of S1.
        batch: utterances per batch.
        dropout: dropout rate before both layers.
        noise: standard deviation of noise added to the standardised features in training.
        label_smoothing: label smoothing of the cross-entropy.
        balance: 0 weights utterances equally, 1 weights emotions equally.
        fit: settings of the optimisation.
    """

    width: PositiveInt = 128
    batch: PositiveInt = 64
    dropout: Share = 0.2
    noise: NonNegativeFloat = 0.0
    label_smoothing: Share = 0.1
    balance: NonNegativeFloat = 0.0
    fit: FitSettings = field(
        default_factory=lambda: FitSettings(epochs=40, learning_rate=2e-3, weight_decay=0.05, patience=12)
    )


class _Part(NamedTuple):
    """One split's scored utterances: features [N, F] and class indices [N]."""

    features: Tensor
    labels: Tensor


def train_features(corpus: Corpus, settings: FeatureStageSettings, run: Run) -> dict[str, Any]:
    """Train on split "train" and select on "validation"; "test" is evaluated once, at the end.

    Utterances without a label or without features are skipped.

    Args:
        corpus: a corpus with `speech` features of one size.
        settings: the settings.
        run: the run to write; a killed one is resumed.

    Returns:
        Metrics by split, as stored in the run.

    Raises:
        UsageError: a split has no labelled utterances with features, or they differ in size.
    """
    data = {split: _part(corpus, split) for split in SPLITS}
    torch.manual_seed(settings.fit.seed)
    dimension = data["train"].features.shape[1]
    config = SpeechConfig(width=settings.width, classes=len(corpus.labels), dropout=settings.dropout)
    model = FeatureEncoder(dimension, config)
    model.measure(data["train"].features)
    weights = class_weights(data["train"].labels, len(corpus.labels), settings.balance).to(here().device)
    shown = model.standardise(data["train"].features)

    def batches(generator: torch.Generator) -> list[_Part]:
        order = torch.randperm(len(shown), generator=generator)
        return [_Part(shown[rows], data["train"].labels[rows]) for rows in torch.split(order, settings.batch)]

    def loss(batch: _Part) -> Tensor:
        features = batch.features + settings.noise * torch.randn_like(batch.features)
        _, logits = model.speech(features)
        return functional.cross_entropy(
            logits.float(), batch.labels, weights, label_smoothing=settings.label_smoothing
        )

    @torch.no_grad()
    def judge(split: Split) -> dict[str, Any]:
        _, logits = model(data[split].features.to(model.mean.device))
        return classification(data[split].labels.numpy(), logits.argmax(1).cpu().numpy(), corpus.labels)

    def validate() -> dict[str, float]:
        return {"score": judge("validation")["weighted_f1"]}

    best = fit(model, batches, loss, validate, settings.fit, run.folder, "Stage I speech features")
    judged: tuple[Split, ...] = ("validation", "test")
    metrics = {"best_epoch": int(best["epoch"]), **{str(split): judge(split) for split in judged}}
    run.finish(model, {"features": dimension, "speech": config, "labels": corpus.labels}, metrics)
    return metrics


def _part(corpus: Corpus, split: Split) -> _Part:
    chosen = [
        (utterance.speech, corpus.labels.index(utterance.label))
        for conversation in corpus.splits[split]
        for utterance in conversation.utterances
        if utterance.label is not None and utterance.speech is not None
    ]
    if not chosen:
        raise UsageError(f"{corpus.name}: no labelled utterance of split {split} comes with speech features")
    return _Part(stack([features for features, _ in chosen]), torch.tensor([label for _, label in chosen]))
