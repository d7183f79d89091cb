"""Embeds the sound of conversations, once, by CARE or as features; then by Stage I, beside its speaker."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.care import Care, CareConfig
from models.evidence import evidence_of
from models.sample_rate import SAMPLE_RATE
from models.speaker_means import usual_of_turns
from models.speech_classifier import SpeechClassifier
from offline_train.batches.histories import turns_of
from offline_train.batches.sequences import Embedded
from offline_train.corpora.corpus import Conversation, Corpus
from offline_train.embeddings.recording_cache import heard, recordings_of
from offline_train.errors import UsageError
from offline_train.runs.networks import load_speech_encoder
from offline_train.runs.run import Run
from offline_train.training.devices import here
from offline_train.training.optimiser import trained_state


class Sound(NamedTuple):
    """The sound of N utterances.

    Attributes:
        embeddings: zero without sound [N, D].
        present: which have sound [N].
        certainty: what their lengths make of it [N] (see `models.evidence`); 1 where they are not known.
    """

    embeddings: Tensor
    present: Tensor
    certainty: Tensor


@dataclass(frozen=True)
class SpeechPath:
    """What turns sound into S1: an encoder, and Stage I.

    Attributes:
        speech: Stage I, in evaluation mode.
        care: embeds recordings, in evaluation mode; None if utterances come with features instead.
        config: what `care` was built by.
        cache: folder to keep in what was computed from recordings; None to keep nothing.
    """

    speech: SpeechClassifier
    care: Care | None = None
    config: CareConfig | None = None
    cache: Path | None = None

    @classmethod
    def of_run(cls, run: Run) -> "SpeechPath":
        """That of a finished run of Stage I; what was computed is kept in its folder."""
        care, speech = load_speech_encoder(run)
        config = None if care is None else CareConfig(**run.config["care"])
        return cls(speech, care, config, run.folder)

    def embed(self, conversations: Sequence[Conversation]) -> Sound:
        """Embed all utterances, in order.

        Raises:
            CorpusError: there are recordings, but none of them can be used.
            UsageError: features differ in size.
        """
        if self.care is not None:
            return self._hear(self.care, conversations)
        found = [utterance.speech for conversation in conversations for utterance in conversation.utterances]
        present = torch.tensor([features is not None for features in found], dtype=torch.bool)
        rows = torch.zeros(len(found), len(self.speech.prior))
        if present.any():
            rows[present] = stack([features for features in found if features is not None])
        return Sound(rows, present, torch.ones(len(rows)))

    @torch.inference_mode()
    def _hear(self, care: Care, conversations: Sequence[Conversation]) -> Sound:
        device = here().device
        care.to(device)  # type: ignore[attr-defined]

        def measure(audio: NDArray[np.int16], _: np.random.Generator) -> list[NDArray[np.float32]]:
            return [np.array(evidence_of(None, len(audio) / SAMPLE_RATE)[1], np.float32)]

        @torch.inference_mode()
        def make(audio: NDArray[np.int16], _: np.random.Generator) -> list[NDArray[np.float32]]:
            inputs = care.prepare(audio).to(device)
            embedding = care(inputs[None], torch.tensor([len(inputs)], device=device))
            return [embedding[0].float().cpu().numpy()]

        recordings = recordings_of(conversations)
        rows, certainty = torch.zeros(len(recordings), care.dimension), torch.ones(len(recordings))
        treatment = ["CARE", self.config, care_digest(care)]
        with TemporaryDirectory() as scratch:
            folder = Path(scratch) if self.cache is None else self.cache / "embeddings"
            found = heard(recordings, make, treatment, folder, "listening", threads=1)
            sounding = [None if each is None else one for each, one in zip(found, recordings, strict=True)]
            lengths = heard(sounding, measure, "evidence", folder, "measuring")
            for number, (arrays, length) in enumerate(zip(found, lengths, strict=True)):
                if arrays is not None and length is not None:
                    rows[number] = torch.from_numpy(np.array(arrays[0]))
                    certainty[number] = float(length[0])
        return Sound(rows, torch.tensor([each is not None for each in found], dtype=torch.bool), certainty)


def care_digest(care: Care) -> str:
    """Digest of the weights that are trained; the others are known by the configuration."""
    digest = sha256()
    for name, value in sorted(trained_state(care).items()):  # type: ignore[arg-type]
        digest.update(name.encode() + value.cpu().numpy().tobytes())
    return digest.hexdigest()


@torch.inference_mode()
def judge_sound(speech: SpeechClassifier, sound: Sound, speakers: Sequence[Hashable]) -> Tensor:
    """S1 [K, width] of turns, each beside its speaker's earlier turns; zero without sound.

    Args:
        speech: Stage I, in evaluation mode.
        sound: of the K turns, in order.
        speakers: of the turns.
    """
    device = speech.prior.device
    voice, present = sound.embeddings.to(device), sound.present.to(device)
    usual = usual_of_turns(voice, speakers, present, speech.prior, speech.config.prior_turns)
    s1: Tensor = speech(voice, usual).s1
    return (s1 * present[:, None]).cpu()


def add_sound(
    embedded: Sequence[Embedded],
    conversations: Sequence[Conversation],
    sound: Sound,
    speech: SpeechClassifier,
) -> list[Embedded]:
    """Conversations with the sound of all their utterances, in order (see `turns_of`)."""
    rows = {id(said): row for row, said in enumerate(u for c in conversations for u in c.utterances)}
    turns = turns_of(Corpus("", (), {"test": conversations}), "test")
    order = [rows[id(turn.utterance)] for turn in turns]
    ordered = Sound(*(each[order] for each in sound))
    s1 = torch.empty(len(order), speech.config.width)
    s1[order] = judge_sound(speech, ordered, [turn.speaker for turn in turns])
    sizes = [len(conversation) for conversation in embedded]
    heard, certainty = torch.split(sound.present, sizes), torch.split(sound.certainty, sizes)
    return [_with_s1(*each) for each in zip(embedded, torch.split(s1, sizes), heard, certainty, strict=True)]


def with_sound(
    conversation: Embedded, sound: Sound, speakers: Sequence[Hashable], speech: SpeechClassifier
) -> Embedded:
    """The conversation with this sound in the place of its own."""
    return _with_s1(conversation, judge_sound(speech, sound, speakers), sound.present, sound.certainty)


def _with_s1(conversation: Embedded, s1: Tensor, heard: Tensor, certainty: Tensor) -> Embedded:
    present = torch.stack([conversation.present[:, 0], heard], dim=1)
    words = torch.ones(len(s1)) if conversation.certainty is None else conversation.certainty[:, 0]
    return replace(conversation, speech=s1, present=present, certainty=torch.stack([words, certainty], dim=1))


def stack(features: Sequence[NDArray[np.float32]]) -> Tensor:
    """Features of utterances, all of one size, as rows [N, D]."""
    if len(sizes := {each.shape for each in features}) > 1:
        raise UsageError(f"speech features must all be of one size, not {sorted(sizes)}")
    return torch.from_numpy(np.stack(features)).float()
