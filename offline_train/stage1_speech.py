"""Stage I, sound: CARE and a small network on single utterances (MERITS-L, section III-B).

The small CARE has no pre-training yet, so it is trained along with the network.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from torch import Tensor, nn
from torch.nn import functional

from models.care import CareConfig, SpeechClassifier, SpeechConfig, build_care, pad
from offline_train.augment import FeatureAugment, WaveAugment
from offline_train.corpora.meld import LABELS
from offline_train.corpora.ravdess import ACTORS, FOLDS, SHIPPED, ActorSplit, Clip, fold, read_ravdess
from offline_train.fit import FitSettings, fit
from offline_train.metrics import classification
from offline_train.run import Run, write_json
from offline_train.speech_batches import Batch, Prepared, prepare, shown_batches

_JUDGED = ("validation", "test")


@dataclass(frozen=True)
class SpeechStageSettings:
    """How Stage I of the speech modality is trained.

    Attributes:
        care: the encoder.
        epochs: passes over the training actors' clips.
        batch: clips a batch.
        learning_rate: peak, of AdamW.
        weight_decay: of AdamW.
        seed: of initialisation, order, variants and dropout.
        variants: of each clip, besides the clip itself.
        longest: frames of 10 ms; of longer clips a random part is shown.
        dropout: of the network on top.
        label_smoothing: of the cross-entropy.
        balance: 0 weighs clips equally, 1 weighs emotions equally.
        average: decay of the moving average of the weights (see `FitSettings`).
        bfloat16: whether to multiply in bfloat16.
        wave: how samples are varied.
        frames: how frames are varied.
    """

    care: CareConfig = field(default_factory=CareConfig)
    epochs: int = 45
    batch: int = 16
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.05
    seed: int = 1
    variants: int = 3
    longest: int = 192
    dropout: float = 0.2
    label_smoothing: float = 0.1
    balance: float = 0.5
    average: float = 0.99
    bfloat16: bool = True
    wave: WaveAugment = field(default_factory=WaveAugment)
    frames: FeatureAugment = field(default_factory=FeatureAugment)


def run_stage1_speech(data: Path, out: Path, *, folds: bool, command: str, **changes: Any) -> None:
    """Train the shipped split, or cross-validate; then say how well that went.

    Args:
        data: folder of RAVDESS.
        out: folder of the run.
        folds: cross-validate over actors instead of training on the shipped split.
        command: the line that asked for it.
        changes: to `SpeechStageSettings`, by name.

    Raises:
        CorpusError: RAVDESS is not in `data`.
        RunError: `out` holds another run.
    """
    settings = SpeechStageSettings(**changes)
    clips = read_ravdess(data, ACTORS)  # before anything is written

    @cache
    def prepared() -> list[Prepared]:
        return prepare_all(clips, settings)

    if folds:
        shown = cross_validate(prepared, settings, out, command)
        scores = {part: f"{shown[part]['mean']:.2f} ± {shown[part]['std']:.2f}" for part in _JUDGED}
    else:
        shown = train_speech(prepared, SHIPPED, settings, out, command)
        scores = {part: f"{shown[part]['weighted_f1']:.2f}" for part in _JUDGED}
    print("  ".join(f"{part}: weighted F1 {score}" for part, score in scores.items()))


def train_speech(
    prepared: Callable[[], Sequence[Prepared]],
    split: ActorSplit,
    settings: SpeechStageSettings,
    out: Path,
    command: str,
) -> dict[str, Any]:
    """Train on a split's training actors, select on its validation actors, then look at its test actors once.

    Args:
        prepared: everyone's clips; asked for only when there is something to train.
        split: who is for what.
        settings: how.
        out: folder of the run; a finished one answers at once, a killed one goes on.
        command: the line that asked for it.

    Returns:
        Metrics by part: "train", "validation", "test".
    """
    run = Run.open(out, {"settings": settings, "parents": {}, "split": split}, command)
    if run.finished:
        return run.metrics
    clips = prepared()
    parts = {
        name: [clip for clip in clips if clip.actor in actors]
        for name, actors in (("train", split.train), ("validation", split.validation), ("test", split.test))
    }
    torch.manual_seed(settings.seed)
    care = build_care(settings.care)
    config = SpeechConfig(classes=len(LABELS), dropout=settings.dropout)
    model = nn.ModuleDict({"care": care, "speech": SpeechClassifier(care.dimension, config)})
    weights = _class_weights([clip.label for clip in parts["train"]], settings.balance)

    def batches(generator: torch.Generator) -> list[Batch]:
        return shown_batches(parts["train"], settings.batch, settings.longest, settings.frames, generator)

    def loss(batch: Batch) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=settings.bfloat16):
            _, logits = model["speech"](model["care"](batch.features, batch.lengths))
        return functional.cross_entropy(
            logits.float(), batch.labels, weights, label_smoothing=settings.label_smoothing
        )

    def judge(part: str) -> dict[str, Any]:
        predicted = _predict(model, [clip.frames[0] for clip in parts[part]])
        return classification(np.array([clip.label for clip in parts[part]]), predicted, LABELS)

    def validate() -> dict[str, float]:
        return {"score": judge("validation")["weighted_f1"]}

    optimise = FitSettings(
        epochs=settings.epochs,
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        seed=settings.seed,
        average=settings.average,
    )
    best = fit(model, batches, loss, validate, optimise, run.folder, f"Stage I speech {run.folder.name}")
    metrics = {"best_epoch": int(best["epoch"]), **{part: judge(part) for part in parts}}
    run.finish(model, {"care": settings.care, "speech": config, "labels": LABELS}, metrics)
    return metrics


def cross_validate(
    prepared: Callable[[], Sequence[Prepared]], settings: SpeechStageSettings, out: Path, command: str
) -> dict[str, Any]:
    """Train and judge on every fold; finished folds are not repeated.

    Returns:
        For "validation" and "test": weighted F1 by fold, its mean and standard deviation, and the mean F1 of
        each emotion.
    """
    run = Run.open(out, {"settings": settings, "parents": {}, "folds": FOLDS}, command)
    if run.finished:
        return run.metrics
    reports = [
        train_speech(prepared, fold(k), settings, run.folder / f"fold{k}", command) for k in range(FOLDS)
    ]
    metrics: dict[str, Any] = {"seed": settings.seed}
    for part in _JUDGED:
        scores = [report[part]["weighted_f1"] for report in reports]
        metrics[part] = {
            "folds": scores,
            "mean": float(np.mean(scores)),
            "std": float(np.std(scores, ddof=1)),
            "f1": {name: float(np.mean([report[part]["f1"][name] for report in reports])) for name in LABELS},
            "confusion": np.sum([report[part]["confusion"] for report in reports], axis=0).tolist(),
        }
    write_json(run.folder / "metrics.json", metrics)
    return metrics


def prepare_all(clips: Sequence[Clip], settings: SpeechStageSettings) -> list[Prepared]:
    """Prepare clips, with progress."""
    care = build_care(settings.care)
    return [
        prepare(clip, care, settings.variants, settings.wave, settings.seed)
        for clip in track(
            clips,
            "preparing clips",
            console=Console(stderr=True),
            disable=not sys.stderr.isatty(),
        )
    ]


@torch.no_grad()
def _predict(model: nn.ModuleDict, inputs: Sequence[Tensor], size: int = 60) -> NDArray[np.int64]:
    """Class indices [N] of prepared clips."""
    found = [
        model["speech"](model["care"](*pad(inputs[start : start + size])))[1].argmax(1)
        for start in range(0, len(inputs), size)
    ]
    return torch.cat(found).numpy()


def _class_weights(labels: Sequence[int], balance: float) -> Tensor:
    counts = torch.bincount(torch.tensor(labels), minlength=len(LABELS)).clamp(min=1)
    return (counts.float().mean() / counts) ** balance
