"""Stage I, precomputed speech features: a small network on single utterances (MERITS-L, III-B)."""

from dataclasses import dataclass, field
from typing import Annotated, Any

import torch
from pydantic import Field, NonNegativeFloat, NonNegativeInt

from models.config_limits import Share
from offline_train.batches.histories import turns_of
from offline_train.batches.sequences import UNSCORED
from offline_train.batches.speech import Voices
from offline_train.corpora.corpus import SPLITS, Corpus, Split
from offline_train.embeddings.speech import stack
from offline_train.errors import UsageError
from offline_train.runs.run import Run
from offline_train.stages.speech_network import SpeechNetworkSettings, train_network
from offline_train.training.fit import FitSettings


@dataclass(frozen=True)
class FeatureStageSettings(SpeechNetworkSettings):
    """Settings of Stage I of the speech modality on precomputed features.

    By default they are not judged against the speaker's earlier turns: that costs 2 to 6 points of weighted
    F1 on validation of IEMOCAP and CMU-MOSI, where moods last.
    """

    prior_turns: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1e6
    hidden: NonNegativeInt = 0
    dropout: Share = 0.2
    label_smoothing: Share = 0.1
    balance: NonNegativeFloat = 0.0
    fit: FitSettings = field(
        default_factory=lambda: FitSettings(epochs=40, learning_rate=2e-3, weight_decay=0.05, patience=12)
    )


def train_features(corpus: Corpus, settings: FeatureStageSettings, run: Run) -> dict[str, Any]:
    """Train on split "train" and select on "validation"; "test" is evaluated once, at the end.

    Utterances without features are skipped; those without a label are heard, but not scored.

    Args:
        corpus: a corpus with `speech` features of one size.
        settings: the settings.
        run: the run to write; a killed one is resumed.

    Returns:
        Metrics by split, as stored in the run.

    Raises:
        UsageError: a split has no labelled utterances with features, or they differ in size.
    """
    data = {split: _voices(corpus, split) for split in SPLITS}
    dimension = data["train"].embeddings.shape[-1]
    return train_network(data, corpus.labels, settings, run, {"features": dimension})


def _voices(corpus: Corpus, split: Split) -> Voices:
    turns = [turn for turn in turns_of(corpus, split) if turn.utterance.speech is not None]
    if not any(turn.utterance.label for turn in turns):
        raise UsageError(f"{corpus.name}: no labelled utterance of split {split} comes with speech features")
    labels = [turn.utterance.label for turn in turns]
    speakers = list(dict.fromkeys(turn.speaker for turn in turns))
    return Voices(
        stack([turn.utterance.speech for turn in turns if turn.utterance.speech is not None])[:, None],
        torch.tensor([UNSCORED if each is None else corpus.labels.index(each) for each in labels]),
        [speakers.index(turn.speaker) for turn in turns],
        [corpus.name] * len(turns),
        torch.zeros(len(turns), dtype=torch.bool),
    )
