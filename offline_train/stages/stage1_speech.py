"""Stage I, sound: a small network over frozen CARE, on single utterances (MERITS-L, section III-B).

The embeddings of all utterances, and of variants of the training ones, are computed once.
"""

import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import NonNegativeInt
from torch import Tensor

from models.care import CareConfig, build_care, pad
from offline_train.batches.augment import Microphone, WaveAugment
from offline_train.batches.histories import Turn, turns_of
from offline_train.batches.sequences import UNSCORED
from offline_train.batches.speech import Voices, as_tensor
from offline_train.corpora.corpus import SPLITS, Corpus, Split
from offline_train.corpora.voices import origin
from offline_train.embeddings.recording_cache import Hearing, heard_each
from offline_train.embeddings.speech import care_digest
from offline_train.errors import UsageError
from offline_train.files import write_json
from offline_train.runs.run import Run
from offline_train.runs.run_corpus import RunCorpus
from offline_train.stages.speech_network import JUDGED, SpeechNetworkSettings, train_network
from offline_train.training.devices import here

_NEUTRAL = "neutral"


@dataclass(frozen=True)
class SpeechStageSettings(SpeechNetworkSettings):
    """Settings of Stage I of the speech modality.

    Attributes:
        care: the encoder.
        variants: augmented variants of each training utterance besides the original; a variant of all of a
            speaker's utterances is of one microphone.
        wave: augmentation of the samples.
    """

    care: CareConfig = field(default_factory=CareConfig)
    variants: NonNegativeInt = 6
    wave: WaveAugment = field(default_factory=WaveAugment)


def train_speech(
    corpus: Corpus,
    settings: SpeechStageSettings,
    run: Run,
    pretrained: Run | None = None,
    cache: Path | None = None,
) -> dict[str, Any]:
    """Train on split "train" and select on "validation"; "test" is evaluated once, at the end.

    Utterances without a recording that can be decoded are skipped; those without a label are heard, but not
    scored.

    Args:
        corpus: a corpus with recordings and labels.
        settings: the settings.
        run: the run to write; a killed one is resumed.
        pretrained: run of `pretrain-care` to start from.
        cache: folder for embeddings, which are kept; by default in the run's folder until it is finished.

    Returns:
        Metrics by split, as stored in the run.

    Raises:
        CorpusError: no recording can be used.
        RunFolderError: `pretrained` is of another CARE network.
        UsageError: a split has no labelled utterances with recordings.
    """
    torch.manual_seed(settings.fit.seed)
    hearer = _Hearer(settings, pretrained)
    kept = cache or run.folder / "prepared"
    data = hearer.hear(corpus, kept)
    metrics = train_network(data, corpus.labels, settings, run, {"care": settings.care}, hearer.care)
    if cache is None and here().first:
        shutil.rmtree(kept, ignore_errors=True)
    return metrics


def cross_validate(
    source: RunCorpus,
    settings: SpeechStageSettings,
    run: Run,
    folds: int,
    pretrained: Run | None = None,
    cache: Path | None = None,
) -> dict[str, Any]:
    """Train and evaluate on every fold, each a run in the run's folder; finished folds are not repeated.

    Args:
        source: a corpus with folds.
        settings: the settings.
        run: the run to write.
        folds: number of folds.
        pretrained: see `train_speech`.
        cache: see `train_speech`.

    Returns:
        For "validation" and "test": weighted F1 by fold, its mean and standard deviation, areas under the
        curves of arousal and valence by fold, the mean F1 of each emotion, the sum of the confusion matrices,
        and the share of ordinary speech that is found neutral by fold, if there is any; as stored in the run.
    """
    kept = cache or run.folder / "prepared"
    reports = []
    for number in range(folds):
        part = replace(source, fold=number)
        asked = {**run.settings, "corpus": part}
        one = Run.open(run.folder / f"fold{number}", asked, run.command)
        if not one.finished:
            train_speech(part.read(), settings, one, pretrained, kept)
        reports.append(one.metrics)
    metrics: dict[str, Any] = {"seed": settings.fit.seed}
    for split in JUDGED:
        scores = [report[split]["weighted_f1"] for report in reports]
        names = reports[0][split]["f1"]
        metrics[split] = {
            "folds": scores,
            "mean": float(np.mean(scores)),
            "std": float(np.std(scores, ddof=1)),
            "f1": {name: float(np.mean([report[split]["f1"][name] for report in reports])) for name in names},
            "arousal_auc": [report[split]["arousal_auc"] for report in reports],
            "valence_auc": [report[split]["valence_auc"] for report in reports],
            "confusion": np.sum([report[split]["confusion"] for report in reports], axis=0).tolist(),
        }
        ordinary = [report[split]["ordinary"] for report in reports if "ordinary" in report[split]]
        if ordinary:
            metrics[split]["ordinary_neutral"] = [each["shares"][_NEUTRAL] for each in ordinary]
    if here().first:
        write_json(run.folder / "metrics.json", metrics)
        if cache is None:
            shutil.rmtree(kept, ignore_errors=True)
    return metrics


class _Hearer:
    """Embeds turns by CARE.

    Attributes:
        care: the encoder, frozen.
    """

    def __init__(self, settings: SpeechStageSettings, pretrained: Run | None) -> None:
        self._settings = settings
        care: Any = build_care(settings.care)
        if pretrained is not None:
            from offline_train.stages.pretrain_care import load_pretrained

            load_pretrained(care, settings.care, pretrained)
        self.care: Any = care.eval().to(here().device)
        self._recipe = [settings.care, care_digest(self.care)]

    def hear(self, corpus: Corpus, folder: Path) -> dict[Split, Voices]:
        """Embed all turns of a corpus, and variants of the training ones.

        A speaker of ordinary speech with a single utterance says its two halves, too, but in the test: so
        there is a history of ordinary speech. Outside of training, nobody tells these speakers apart.

        Args:
            corpus: the corpus.
            folder: folder of the cache.
        """
        ordinary = _ordinary(corpus)
        found = {}
        for split in SPLITS:
            turns = turns_of(corpus, split)
            if not any(turn.utterance.label and turn.utterance.recording for turn in turns):
                raise UsageError(f"{corpus.name}: no labelled utterance of split {split} has a recording")
            origins = [origin(corpus, turn.utterance) for turn in turns]
            said = Counter(turn.speaker for turn in turns)
            alone = [
                name in ordinary and said[turn.speaker] == 1
                for name, turn in zip(origins, turns, strict=True)
            ]
            halved = [each and split != "test" for each in alone]
            variants = self._settings.variants if split == "train" else 0
            rows = self._embed(turns, halved, variants, f"{split} sound", folder)
            heard = [number for number, each in enumerate(rows) for _ in (() if each is None else each)]
            numbers = {speaker: number for number, speaker in enumerate(said)}
            speakers = [
                len(numbers) if single and split != "train" else numbers[turn.speaker]
                for single, turn in zip(alone, turns, strict=True)
            ]
            names = [origins[number] for number in heard]
            labels = [turns[number].utterance.label for number in heard]
            found[split] = Voices(
                torch.cat([each for each in rows if each is not None]),
                torch.tensor([UNSCORED if each is None else corpus.labels.index(each) for each in labels]),
                [speakers[number] for number in heard],
                names,
                torch.tensor([name in ordinary for name in names]),
            )
        return found

    def _embed(
        self, turns: Sequence[Turn], halved: Sequence[bool], variants: int, label: str, folder: Path
    ) -> list[Tensor | None]:
        """Embeddings of each turn, or of it and its halves, as recorded and of the variants [P, V, D]."""
        usable = [turn.utterance.recording for turn in turns]
        found = []
        for variant in range(variants + 1):
            hearings = []
            for recording, turn, halves in zip(usable, turns, halved, strict=True):
                seed = f"{turn.speaker} {variant}" if variant else ""
                treatment = [*self._recipe, halves, *([self._settings.wave, seed] if variant else [])]
                hearings.append(Hearing(recording, partial(self._make, halves=halves, seed=seed), treatment))
            name = f"{label}, variant {variant} of {variants}" if variant else label
            found.append(heard_each(hearings, folder, name, threads=1))
            usable = [each if rows else None for each, rows in zip(usable, found[0], strict=True)]
        return [
            None if each[0] is None else torch.stack([as_tensor(rows[0]) for rows in each if rows], 1)
            for each in zip(*found, strict=True)
        ]

    @torch.inference_mode()
    def _make(
        self, audio: NDArray[np.int16], random: np.random.Generator, *, halves: bool, seed: str
    ) -> list[NDArray[np.float32]]:
        """Embeddings [P, D] of a turn and its halves, by the microphone of a seed or as it was recorded."""
        if seed:
            place = np.random.default_rng(int(sha256(seed.encode()).hexdigest(), 16))
            audio = Microphone.draw(self._settings.wave, place).record(audio, random)
        middle = len(audio) // 2
        sounds = [audio, audio[:middle], audio[middle:]] if halves else [audio]
        inputs, lengths = pad([self.care.prepare(sound) for sound in sounds])
        device = here().device
        embeddings: Tensor = self.care(inputs.to(device), lengths.to(device))
        return [embeddings.float().cpu().numpy()]


def _ordinary(corpus: Corpus) -> set[str]:
    """Names of the corpora in a corpus, if there are several, whose only emotion is neutral."""
    labels: dict[str, set[str | None]] = {}
    for _, _, utterance in corpus.utterances():
        labels.setdefault(origin(corpus, utterance), set()).add(utterance.label)
    return {name for name, found in labels.items() if len(labels) > 1 and found == {_NEUTRAL}}
