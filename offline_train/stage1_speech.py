"""Stage I, sound: CARE and a small network on single utterances (MERITS-L, section III-B).

The small CARE has no pre-training yet, so it is trained along with the network; while it is, its acoustic
encoder also predicts frame descriptors.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from torch import Tensor, nn
from torch.nn import functional

from models.care import CareConfig, SpeechClassifier, SpeechConfig, build_care, pad
from models.care_small import SmallCare
from offline_train.augment import FeatureAugment, WaveAugment
from offline_train.corpora.meld import LABELS
from offline_train.corpora.ravdess import FOLDS, SHIPPED, ActorSplit, fold, read_ravdess
from offline_train.descriptors import NAMES
from offline_train.fit import FitSettings, fit
from offline_train.metrics import classification
from offline_train.run import Run, write_json
from offline_train.speech_batches import Batch, Prepared, prepare, shown_batches


@dataclass(frozen=True)
class SpeechStageSettings:
    """How Stage I of the speech modality is trained.

    Attributes:
        care: the encoder; the small kind.
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
        descriptors: weight of the error in the frame descriptors.
        average: decay of the moving average of the weights (see `FitSettings`).
        bfloat16: whether to multiply in bfloat16.
        wave: how samples are varied.
        frames: how frames are varied.
    """

    care: CareConfig = field(default_factory=CareConfig)
    epochs: int = 40
    batch: int = 16
    learning_rate: float = 3e-3
    weight_decay: float = 0.05
    seed: int = 1
    variants: int = 4
    longest: int = 192
    dropout: float = 0.2
    label_smoothing: float = 0.1
    balance: float = 0.5
    descriptors: float = 0.5
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
    if folds:
        shown = cross_validate(data, settings, out, command)
        scores = {part: f"{shown[part]['mean']:.2f} ± {shown[part]['std']:.2f}" for part in _JUDGED}
    else:
        shown = train_speech(data, SHIPPED, settings, out, command)
        scores = {part: f"{shown[part]['weighted_f1']:.2f}" for part in _JUDGED}
    print("  ".join(f"{part}: weighted F1 {score}" for part, score in scores.items()))


_JUDGED = ("validation", "test")


def train_speech(
    data: Path,
    split: ActorSplit,
    settings: SpeechStageSettings,
    out: Path,
    command: str,
    prepared: Sequence[Prepared] | None = None,
) -> dict[str, Any]:
    """Train on a split's training actors, select on its validation actors, then look at its test actors once.

    Args:
        data: folder of RAVDESS.
        split: who is for what.
        settings: how.
        out: folder of the run; a finished one answers at once, a killed one goes on.
        command: the line that asked for it.
        prepared: everyone's clips, where they are at hand already.

    Returns:
        Metrics by part: "train", "validation", "test".
    """
    run = Run.open(out, {"settings": settings, "parents": {}, "split": split}, command)
    if run.finished:
        return run.metrics
    clips = prepare_all(data, settings) if prepared is None else prepared
    parts = {
        name: [clip for clip in clips if clip.actor in actors]
        for name, actors in (("train", split.train), ("validation", split.validation), ("test", split.test))
    }
    torch.manual_seed(settings.seed)
    model = _Trained(settings)
    weights = _class_weights([clip.label for clip in parts["train"]], settings.balance)

    def batches(generator: torch.Generator) -> list[Batch]:
        return shown_batches(parts["train"], settings.batch, settings.longest, settings.frames, generator)

    def loss(batch: Batch) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=settings.bfloat16):
            logits, described, mask = model(batch)
        error = functional.cross_entropy(
            logits.float(), batch.labels, weights, label_smoothing=settings.label_smoothing
        )
        return error + settings.descriptors * _descriptor_error(described.float(), batch.descriptors, mask)

    def judge(part: str) -> dict[str, Any]:
        predicted = model.predict([clip.plain for clip in parts[part]])
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
    kept = nn.ModuleDict({"care": model.care, "speech": model.speech})
    run.finish(kept, {"care": settings.care, "speech": model.speech_config, "labels": LABELS}, metrics)
    return metrics


def cross_validate(data: Path, settings: SpeechStageSettings, out: Path, command: str) -> dict[str, Any]:
    """Train and judge on every fold; finished folds are not repeated.

    Returns:
        For "validation" and "test": weighted F1 by fold, its mean and standard deviation, and the mean F1 of
        each emotion.
    """
    run = Run.open(out, {"settings": settings, "parents": {}, "folds": FOLDS}, command)
    if run.finished:
        return run.metrics
    clips = prepare_all(data, settings)
    reports = [
        train_speech(data, fold(k), settings, run.folder / f"fold{k}", command, clips) for k in range(FOLDS)
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


def prepare_all(data: Path, settings: SpeechStageSettings) -> list[Prepared]:
    """Everyone's clips, prepared, with progress."""
    care = build_care(settings.care)
    return [
        prepare(clip, care, settings.variants, settings.wave, settings.seed)
        for clip in track(
            read_ravdess(data),
            "preparing clips",
            console=Console(stderr=True),
            disable=not sys.stderr.isatty(),
        )
    ]


class _Trained(nn.Module):
    """CARE, the network over it, and the layer that reads descriptors off the acoustic encoder."""

    def __init__(self, settings: SpeechStageSettings) -> None:
        super().__init__()
        care = build_care(settings.care)
        if not isinstance(care, SmallCare):
            raise ValueError(
                f"Stage I of the speech modality trains the small CARE, not {settings.care.kind}"
            )
        self.care = care
        self.speech_config = SpeechConfig(classes=len(LABELS), dropout=settings.dropout)
        self.speech = SpeechClassifier(care.dimension, self.speech_config)
        self.descriptors = nn.Linear(settings.care.width, len(NAMES))

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Logits [B, C], descriptors [B, T', E] as predicted, and which of those count [B, T', 1]."""
        (acoustic, mask), (semantic, semantic_mask) = self.care.encode(batch.features, batch.lengths)
        _, logits = self.speech(self.care.pool(acoustic, mask, semantic, semantic_mask))
        return logits, self.descriptors(acoustic), mask

    @torch.no_grad()
    def predict(self, inputs: Sequence[Tensor], size: int = 60) -> np.ndarray:
        """Class indices [N]."""
        found = [
            self.speech(self.care(*pad(inputs[start : start + size])))[1].argmax(1)
            for start in range(0, len(inputs), size)
        ]
        return torch.cat(found).numpy()


def _class_weights(labels: Sequence[int], balance: float) -> Tensor:
    counts = torch.bincount(torch.tensor(labels), minlength=len(LABELS)).clamp(min=1)
    return (counts.float().mean() / counts) ** balance


def _descriptor_error(described: Tensor, descriptors: Tensor, mask: Tensor) -> Tensor:
    """Mean absolute error, of the pitch only where there is one."""
    stride = -(-descriptors.shape[1] // described.shape[1])
    truth = descriptors[:, ::stride]  # [B, T', E]
    voiced = mask[..., 0] * (truth[..., 1] > 0.5)
    pitch, voicing = ((described - truth).abs()).unbind(-1)
    return (pitch * voiced).sum() / voiced.sum().clamp(min=1) + (voicing * mask[..., 0]).sum() / mask.sum()
