"""Stage I on prepared features: it learns what there is to learn, resumes, shrugs off outliers."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from offline_train.corpora.corpus import SPLITS, Conversation, Corpus, Utterance
from offline_train.embeddings.speech import Sound, SpeechPath, judge_sound
from offline_train.errors import UsageError
from offline_train.runs.networks import load_speech_encoder
from offline_train.runs.run import Run
from offline_train.stages.stage1_features import FeatureStageSettings, train_features
from offline_train.training.fit import FitSettings

LABELS = ("angry", "happy", "sad")
SETTINGS = FeatureStageSettings(width=16, fit=FitSettings(epochs=8, learning_rate=3e-2))


def corpus(size: int = 6) -> Corpus:
    """Features on very different scales, one of them constant, that tell the emotion with some noise."""
    random = np.random.default_rng(0)
    scale = np.array([1e-2, 1.0, 3e4, 0.0, 1.0, 1.0])

    def utterance(name: str, number: int) -> Utterance:
        label = int(random.integers(3))
        clean = np.eye(6)[label] + 0.2 * random.standard_normal(6)
        features = (100 + clean * scale).astype(np.float32) if number % 5 != 4 else None
        return Utterance(name, "words", LABELS[label] if number % 7 != 6 else None, speech=features)

    return Corpus(
        "made",
        LABELS,
        {
            split: [
                Conversation(f"{split}{c}", tuple(utterance(f"{split}{c}-{n}", n) for n in range(10)))
                for c in range(size)
            ]
            for split in SPLITS
        },
    )


def opened(folder: Path, settings: FeatureStageSettings = SETTINGS) -> Run:
    return Run.open(folder, {"settings": settings}, "command")


def test_learns_and_embeds_what_it_judged(tmp_path: Path) -> None:
    data = corpus()
    run = opened(tmp_path)
    metrics = train_features(data, SETTINGS, run)
    assert metrics == run.metrics
    assert metrics["test"]["weighted_f1"] > 80
    scored = [
        utterance
        for conversation in data.splits["test"]
        for utterance in conversation.utterances
        if utterance.label and utterance.speech is not None
    ]
    assert metrics["test"]["utterances"] == len(scored)

    path = SpeechPath.of_run(run)
    sound = path.embed(data.splits["test"])
    everyone = [utterance for conversation in data.splits["test"] for utterance in conversation.utterances]
    assert sound.present.tolist() == [utterance.speech is not None for utterance in everyone]
    rows = torch.cat(
        [
            judge_sound(path.speech, Sound(*(part[start : start + 10] for part in sound)), ["nobody"] * 10)
            for start in range(0, 60, 10)
        ]
    )
    assert rows.shape == (60, 16)
    with torch.no_grad():
        predicted = path.speech.head(rows).argmax(1).tolist()
    right = [
        LABELS[guess] == utterance.label
        for guess, utterance in zip(predicted, everyone, strict=True)
        if utterance in scored
    ]
    assert 100 * np.mean(right) == pytest.approx(metrics["test"]["accuracy"])


def test_features_of_other_scale_or_outliers_do_not_matter(tmp_path: Path) -> None:
    data = corpus()
    moved = replace(
        data,
        splits={
            split: [
                replace(
                    conversation,
                    utterances=tuple(
                        replace(u, speech=None if u.speech is None else 4 * u.speech)
                        for u in conversation.utterances
                    ),
                )
                for conversation in part
            ]
            for split, part in data.splits.items()
        },
    )
    first = train_features(data, SETTINGS, opened(tmp_path / "first"))
    second = train_features(moved, SETTINGS, opened(tmp_path / "second"))
    assert second["test"]["confusion"] == first["test"]["confusion"]
    _, speech = load_speech_encoder(Run(tmp_path / "first"))
    strange = speech(torch.tensor([[1e30] * 6, [torch.inf] * 6, [torch.nan] * 6]))
    assert all(part.isfinite().all() for part in strange)


def test_a_mood_that_lasts_is_not_taken_for_the_speaker(tmp_path: Path) -> None:
    data = corpus()
    run = opened(tmp_path)
    train_features(data, SETTINGS, run)
    path = SpeechPath.of_run(run)
    sound = path.embed(data.splits["test"])
    together = judge_sound(path.speech, sound, ["one"] * 60)
    apart = judge_sound(path.speech, sound, range(60))
    torch.testing.assert_close(together, apart, atol=1e-3, rtol=1e-3)


def test_a_split_without_features_is_named(tmp_path: Path) -> None:
    silent = replace(corpus(), splits={**corpus().splits, "validation": []})
    with pytest.raises(UsageError, match="validation"):
        train_features(silent, SETTINGS, opened(tmp_path))
