"""Embeds the sound of conversations: by CARE or precomputed features, once, and by Stage I beside its speaker."""

from collections.abc import Hashable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.care import Care, CareConfig
from models.speaker_means import usual_of_turns
from models.speech_classifier import SpeechClassifier
from offline_train.batches.sequences import Embedded
from offline_train.corpora.corpus import Conversation
from offline_train.embeddings.recording_cache import heard, recordings_of
from offline_train.errors import UsageError
from offline_train.runs.networks import load_care
from offline_train.runs.run import Run
from offline_train.training.devices import here


class Sound(NamedTuple):
    """The sound of N utterances: embeddings [N, D], zero without sound, and which have sound [N]."""

    embeddings: Tensor
    present: Tensor


def embed_sound(run: Run, conversations: Sequence[Conversation]) -> Sound:
    """Embed all utterances, in order, by what a run of Stage I on recordings or on features hears by.

    Results for recordings are cached in the run's folder, by their content.

    Args:
        run: a finished run.
        conversations: the conversations.

    Raises:
        CorpusError: there are recordings, but none of them can be used.
        UsageError: features differ in size.
    """
    care = load_care(run)
    if care is not None:
        return hear(care, CareConfig(**run.config["care"]), conversations, run.folder / "embeddings")
    found = [utterance.speech for conversation in conversations for utterance in conversation.utterances]
    present = torch.tensor([features is not None for features in found], dtype=torch.bool)
    rows = torch.zeros(len(found), *run.weight_shape("speech.prior"))
    if present.any():
        rows[present] = stack([features for features in found if features is not None])
    return Sound(rows, present)


@torch.inference_mode()
def hear(
    care: Care, config: CareConfig, conversations: Sequence[Conversation], cache: Path | None = None
) -> Sound:
    """Embed the recordings of all utterances, in order.

    Args:
        care: an `nn.Module`, in evaluation mode.
        config: what it was built by.
        conversations: the conversations.
        cache: folder to cache the embeddings in; None for no cache.

    Raises:
        CorpusError: there are recordings, but none of them can be used.
    """
    device = here().device
    care.to(device)  # type: ignore[attr-defined]

    @torch.inference_mode()
    def make(audio: NDArray[np.int16], _: np.random.Generator) -> list[NDArray[np.float32]]:
        inputs = care.prepare(audio).to(device)
        embedding = care(inputs[None], torch.tensor([len(inputs)], device=device))
        return [embedding[0].float().cpu().numpy()]

    recordings = recordings_of(conversations)
    rows = torch.zeros(len(recordings), care.dimension)
    with TemporaryDirectory() as scratch:
        treatment = ["CARE", asdict(config)]
        found = heard(recordings, make, treatment, cache or Path(scratch), "listening", threads=1)
        for number, arrays in enumerate(found):
            if arrays is not None:
                rows[number] = torch.from_numpy(np.array(arrays[0]))
    return Sound(rows, torch.tensor([arrays is not None for arrays in found], dtype=torch.bool))


@torch.inference_mode()
def judge_sound(speech: SpeechClassifier, sound: Sound, speakers: Sequence[Hashable]) -> Tensor:
    """S1 [K, width] of a conversation's turns, each beside its speaker's earlier turns; zero without sound.

    Args:
        speech: Stage I, in evaluation mode.
        sound: of the K turns, in order.
        speakers: of the turns.
    """
    device = speech.prior.device
    voice, present = (each.to(device) for each in sound)
    usual = usual_of_turns(voice, speakers, present, speech.prior, speech.config.prior_turns)
    s1: Tensor = speech(voice, usual).s1
    return (s1 * present[:, None]).cpu()


def add_sound(
    embedded: Sequence[Embedded],
    conversations: Sequence[Conversation],
    sound: Sound,
    speech: SpeechClassifier,
) -> list[Embedded]:
    """Conversations with the sound of all their utterances, in order."""
    sizes = [len(each) for each in embedded]
    parts = zip(*(torch.split(each, sizes) for each in sound), strict=True)
    return [
        with_sound(one, Sound(*part), [u.speaker for u in conversation.utterances], speech)
        for one, conversation, part in zip(embedded, conversations, parts, strict=True)
    ]


def with_sound(
    conversation: Embedded, sound: Sound, speakers: Sequence[Hashable], speech: SpeechClassifier
) -> Embedded:
    """The conversation with this sound in the place of its own."""
    present = torch.stack([conversation.present[:, 0], sound.present], dim=1)
    return replace(conversation, speech=judge_sound(speech, sound, speakers), present=present)


def stack(features: Sequence[NDArray[np.float32]]) -> Tensor:
    """Features of utterances, all of one size, as rows [N, D]."""
    if len(sizes := {each.shape for each in features}) > 1:
        raise UsageError(f"speech features must all be of one size, not {sorted(sizes)}")
    return torch.from_numpy(np.stack(features)).float()
