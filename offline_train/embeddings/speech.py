"""Embeds conversations by Stage I of the speech modality, once."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.care import Care, SpeechClassifier
from offline_train.corpora.corpus import Conversation
from offline_train.embeddings.features import embed_features
from offline_train.embeddings.recording_cache import heard, recordings_of
from offline_train.runs.networks import load_speech_encoder
from offline_train.runs.run import Run
from offline_train.training.devices import here


def embed_speech(run: Run, conversations: Sequence[Conversation]) -> tuple[Tensor, Tensor]:
    """S1 of all utterances, by a run of Stage I on precomputed features or on recordings.

    Results for recordings are cached in the run's folder, by their content.

    Args:
        run: a finished run.
        conversations: conversations with N utterances in total.

    Returns:
        S1 [N, width], in order, zero without sound, and which utterances have sound [N].

    Raises:
        CorpusError: there are recordings, but none of them can be used.
    """
    if "features" in run.config:
        return embed_features(run, conversations)
    care, speech = load_speech_encoder(run)
    weights = hashlib.sha256((run.folder / "weights.safetensors").read_bytes()).hexdigest()
    return embed_recordings(care, speech, conversations, run.folder / "embeddings", weights)


@torch.inference_mode()
def embed_recordings(
    care: Care,
    speech: SpeechClassifier,
    conversations: Sequence[Conversation],
    cache: Path | None = None,
    origin: str = "",
) -> tuple[Tensor, Tensor]:
    """S1 of all utterances' recordings.

    Args:
        care: an `nn.Module`, in evaluation mode.
        speech: the Stage I network over it.
        conversations: conversations with N utterances in total.
        cache: folder to cache S1 in; None for no cache.
        origin: identifies the networks, such as a digest of their weights.

    Returns:
        As `embed_speech`.

    Raises:
        CorpusError: there are recordings, but none of them can be used.
    """
    device = here().device
    care.to(device)  # type: ignore[attr-defined]
    speech.to(device)

    @torch.inference_mode()
    def make(audio: NDArray[np.int16], _: np.random.Generator) -> list[NDArray[np.float32]]:
        inputs = care.prepare(audio).to(device)
        s1, _ = speech(care(inputs[None], torch.tensor([len(inputs)], device=device)))
        return [s1[0].float().cpu().numpy()]

    recordings = recordings_of(conversations)
    rows = torch.zeros(len(recordings), speech.hidden.out_features)
    with TemporaryDirectory() as scratch:
        found = heard(recordings, make, ["S1", origin], cache or Path(scratch), "listening", threads=1)
        for number, arrays in enumerate(found):
            if arrays is not None:
                rows[number] = torch.from_numpy(np.array(arrays[0]))
    return rows, torch.tensor([arrays is not None for arrays in found], dtype=torch.bool)
