"""Stage I, sound: CARE and a small network on single utterances (MERITS-L, section III-B).

The published CARE is frozen: the means over time of its layers' states are computed once per utterance. The
small one is trained together with the network, from random weights or those of `pretrain-care`.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from models.care import CareConfig, SpeechClassifier, SpeechConfig, build_care
from models.care_small import SmallCare
from offline_train.batches.augment import FeatureAugment, WaveAugment, vary
from offline_train.batches.class_balance import class_weights
from offline_train.batches.speech import Batch, Prepared, ShownBatches, by_length
from offline_train.corpora.clips import FOLDS
from offline_train.corpora.corpus import SPLITS, Corpus, Split
from offline_train.embeddings.recording_cache import heard
from offline_train.errors import UsageError
from offline_train.evaluation.metrics import classification
from offline_train.files import write_json
from offline_train.runs.run import Run
from offline_train.runs.run_corpus import RunCorpus
from offline_train.training.devices import here
from offline_train.training.fit import FitSettings, fit

_JUDGED: tuple[Split, ...] = ("validation", "test")


@dataclass(frozen=True)
class SpeechStageSettings:
    """Settings of Stage I of the speech modality.

    Attributes:
        care: the encoder.
        batch: utterances per batch.
        variants: augmented variants of each training utterance besides the original.
        longest: small CARE: longest training input in frames of 10 ms; of longer ones, a random part is used.
        width: size of S1.
        hidden: size of an additional layer before S1; 0 for none.
        dropout: dropout rate of the network over CARE.
        label_smoothing: label smoothing of the cross-entropy.
        balance: 0 weights utterances equally, 1 weights emotions equally.
        wave: augmentation of the samples.
        frames: small CARE: augmentation of the frames.
        fit: settings of the optimisation.
    """

    care: CareConfig = field(default_factory=CareConfig)
    batch: PositiveInt = 16
    variants: NonNegativeInt = 3
    longest: PositiveInt = 192
    width: PositiveInt = 128
    hidden: NonNegativeInt = 0
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.1
    balance: NonNegativeFloat = 0.5
    wave: WaveAugment = field(default_factory=WaveAugment)
    frames: FeatureAugment = field(default_factory=FeatureAugment)
    fit: FitSettings = field(
        default_factory=lambda: FitSettings(
            epochs=45, learning_rate=1.5e-3, weight_decay=0.05, average=0.99, precision="bf16"
        )
    )


def train_speech(
    corpus: Corpus,
    settings: SpeechStageSettings,
    run: Run,
    pretrained: Run | None = None,
    cache: Path | None = None,
) -> dict[str, Any]:
    """Train on split "train" and select on "validation"; "test" is evaluated once, at the end.

    Utterances without a label or a recording that can be decoded are skipped.

    Args:
        corpus: a corpus with recordings and labels.
        settings: the settings.
        run: the run to write; a killed one is resumed.
        pretrained: run of `pretrain-care` to start from.
        cache: folder for prepared sound; by default in the run's folder until it is finished.

    Returns:
        Metrics by split, as stored in the run.

    Raises:
        CorpusError: no recording can be used.
        RunFolderError: `pretrained` is of another CARE network.
        UsageError: a split has no labelled utterances with recordings.
    """
    torch.manual_seed(settings.fit.seed)
    stage = _Stage(settings, len(corpus.labels), pretrained)
    kept = cache or run.folder / "prepared"
    data = {
        split: stage.prepare(corpus, split, settings.variants if split == "train" else 0, kept)
        for split in SPLITS
    }
    labels = torch.tensor([each.label for each in data["train"]])
    weights = class_weights(labels, len(corpus.labels), settings.balance).to(here().device)

    def batches(generator: torch.Generator) -> ShownBatches:
        return stage.shown(data["train"], generator)

    def loss(batch: Batch) -> Tensor:
        logits = stage.logits(batch.features, batch.lengths).float()
        return functional.cross_entropy(
            logits, batch.labels, weights, label_smoothing=settings.label_smoothing
        )

    def judge(split: Split) -> dict[str, Any]:
        truth = np.array([each.label for each in data[split]])
        return classification(truth, stage.classify(data[split]), corpus.labels)

    def validate() -> dict[str, float]:
        return {"score": judge("validation")["weighted_f1"]}

    best = fit(stage.trained, batches, loss, validate, settings.fit, run.folder, f"Stage I {run.folder.name}")
    metrics = {"best_epoch": int(best["epoch"]), **{str(split): judge(split) for split in _JUDGED}}
    config = {"care": settings.care, "speech": stage.config, "labels": corpus.labels}
    run.finish(stage.model, config, metrics)
    if cache is None and here().first:
        shutil.rmtree(kept, ignore_errors=True)
    return metrics


def cross_validate(
    source: RunCorpus,
    settings: SpeechStageSettings,
    run: Run,
    pretrained: Run | None = None,
    folds: int = FOLDS,
) -> dict[str, Any]:
    """Train and evaluate on every fold, each a run in the run's folder; finished folds are not repeated.

    Args:
        source: a corpus with folds.
        settings: the settings.
        run: the run to write.
        pretrained: see `train_speech`.
        folds: number of folds.

    Returns:
        For "validation" and "test": weighted F1 by fold, its mean and standard deviation, the mean F1 of each
        emotion, and the sum of the confusion matrices; as stored in the run.
    """
    cache = run.folder / "prepared"
    reports = []
    for number in range(folds):
        part = replace(source, fold=number)
        asked = {**run.settings, "corpus": part}
        one = Run.open(run.folder / f"fold{number}", asked, run.command)
        if not one.finished:
            train_speech(part.read(), settings, one, pretrained, cache)
        reports.append(one.metrics)
    metrics: dict[str, Any] = {"seed": settings.fit.seed}
    for split in _JUDGED:
        scores = [report[split]["weighted_f1"] for report in reports]
        names = reports[0][split]["f1"]
        metrics[split] = {
            "folds": scores,
            "mean": float(np.mean(scores)),
            "std": float(np.std(scores, ddof=1)),
            "f1": {name: float(np.mean([report[split]["f1"][name] for report in reports])) for name in names},
            "confusion": np.sum([report[split]["confusion"] for report in reports], axis=0).tolist(),
        }
    if here().first:
        write_json(run.folder / "metrics.json", metrics)
        shutil.rmtree(cache, ignore_errors=True)
    return metrics


class _Stage:
    """CARE and the network over it.

    Attributes:
        config: shape of the network over CARE.
        model: both networks, as they are stored.
        trained: the parts that are trained.
    """

    def __init__(self, settings: SpeechStageSettings, classes: int, pretrained: Run | None) -> None:
        self._settings = settings
        care = build_care(settings.care)
        self._origin = ""
        if pretrained is not None:
            from offline_train.stages.pretrain_care import load_pretrained

            self._origin = load_pretrained(care, settings.care, pretrained)
        self.config = SpeechConfig(settings.width, classes, settings.dropout, settings.hidden)
        self._speech = SpeechClassifier(care.dimension, self.config)
        self._care = care
        self.model = nn.ModuleDict({"care": care, "speech": self._speech}).to(here().device)
        self.trained = nn.ModuleDict({"care": care, "speech": self._speech})
        if not isinstance(care, SmallCare):  # all but the weights of its layers is computed once
            care.eval()
            self.trained = nn.ModuleDict({"care": care.mix, "speech": self._speech})

    def prepare(self, corpus: Corpus, split: Split, variants: int, folder: Path) -> list[Prepared]:
        """A split's labelled utterances with recordings."""
        settings = self._settings
        found = [
            (utterance.recording, corpus.labels.index(utterance.label))
            for conversation in corpus.splits[split]
            for utterance in conversation.utterances
            if utterance.label is not None and utterance.recording is not None
        ]
        if not found:
            raise UsageError(f"{corpus.name}: no labelled utterance of split {split} has a recording")

        def make(audio: NDArray[np.int16], random: np.random.Generator) -> list[NDArray[np.float16]]:
            sounds = [audio, *(vary(audio, settings.wave, random) for _ in range(variants))]
            return [self._compute(sound).numpy().astype(np.float16) for sound in sounds]

        treatment = [settings.care, self._origin, settings.fit.seed, variants, settings.wave]
        recordings = [recording for recording, _ in found]
        threads = None if isinstance(self._care, SmallCare) else 1  # the published CARE uses threads itself
        arrays = heard(recordings, make, treatment, folder, f"preparing {split} sound", threads)
        return [
            Prepared(label, each) for (_, label), each in zip(found, arrays, strict=True) if each is not None
        ]

    def shown(self, utterances: Sequence[Prepared], generator: torch.Generator) -> ShownBatches:
        """The batches of an epoch."""
        settings = self._settings
        frames = isinstance(self._care, SmallCare)
        longest, augment = (settings.longest, settings.frames) if frames else (None, None)
        return ShownBatches(utterances, settings.batch, longest, augment, generator)

    def logits(self, features: Tensor, lengths: Tensor) -> Tensor:
        """Logits [B, C] for results of `prepare`."""
        care = self._care
        embedding = care(features, lengths) if isinstance(care, SmallCare) else care.mixed(features)
        return self._speech(embedding)[1]  # type: ignore[no-any-return]

    @torch.no_grad()
    def classify(self, utterances: Sequence[Prepared]) -> NDArray[np.int64]:
        """Class indices [N]."""
        predicted = np.empty(len(utterances), np.int64)
        device = here().device
        for chosen, features, lengths in by_length([each.variants[0] for each in utterances], size=64):
            predicted[chosen] = self.logits(features.to(device), lengths.to(device)).argmax(1).cpu().numpy()
        return predicted

    @torch.inference_mode()
    def _compute(self, audio: NDArray[np.int16]) -> Tensor:
        """The part computed once: the small CARE's input [T, bins], else the means of the layers [L, D]."""
        inputs = self._care.prepare(audio)
        if isinstance(self._care, SmallCare):
            return inputs
        device = here().device
        lengths = torch.tensor([len(inputs)], device=device)
        return self._care.layers(inputs[None].to(device), lengths)[0].cpu()
