"""MELD's dialogues as sequences of embeddings, with sound from RAVDESS paired in."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from models.base_encoder import find_base
from models.care import Care, CareConfig, SpeechClassifier, SpeechConfig, build_care, pad
from models.care_small import SmallCare
from models.context import ContextConfig, ContextEncoder
from models.text import TextConfig, TextEncoder
from offline_train.corpora.corpus import SPLITS, Conversation
from offline_train.corpora.meld import LABELS, read_meld
from offline_train.corpora.ravdess import SHIPPED, Clip, read_ravdess
from offline_train.metrics import classification
from offline_train.pairing import Pool, Trust, trust, with_mismatched_text, with_speech
from offline_train.run import Run
from offline_train.sequences import UNSCORED, Embedded
from offline_train.stage2 import Modality, judge_context

if TYPE_CHECKING:
    from models.care_wavlm import WavLMCare



@dataclass(frozen=True)
class Speech:
    """Clips of one split's actors, embedded.

    Attributes:
        pool: S1 by emotion.
        confusion: of Stage I on them, rows are the truth.
    """

    pool: Pool
    confusion: Sequence[Sequence[int]]


def load_text_encoder(run: Run) -> TextEncoder:
    """Stage I of the words, as a run left it."""
    config = TextConfig(**run.config["text"])
    model = TextEncoder(config, find_base(config.base, run.config["base_sha256"]))
    run.load_weights(model)
    return model


def load_speech_encoder(run: Run) -> "tuple[SmallCare | WavLMCare, SpeechClassifier]":
    """CARE and Stage I of the sound, as a run left them."""
    care = build_care(CareConfig(**run.config["care"]))
    speech = SpeechClassifier(care.dimension, SpeechConfig(**run.config["speech"]))
    run.load_weights(torch.nn.ModuleDict({"care": care, "speech": speech}))
    return care, speech


def load_context(run: Run) -> ContextEncoder:
    """Stage II of either modality, as a run left it."""
    model = ContextEncoder(ContextConfig(**run.config["context"]))
    run.load_weights(model)
    return model


def read_labels(meld: Path) -> dict[str, list[Embedded]]:
    """Every split of MELD as labels alone, for the speech modality."""
    return {
        split: [
            replace(each, present=torch.zeros_like(each.present))
            for each in sequences(part, torch.zeros(sum(len(c.utterances) for c in part), 0))
        ]
        for split in SPLITS
        for part in [read_meld(meld, split)]
    }


def embed_dialogues(run: Run, meld: Path) -> dict[str, list[Embedded]]:
    """Every split of MELD through Stage I of the words; without sound."""
    encoder = None
    embedded: dict[str, list[Embedded]] = {}
    for split in SPLITS:
        conversations = read_meld(meld, split)
        texts = [utterance.text or "" for c in conversations for utterance in c.utterances]
        cache = run.folder / f"t1-{split}.safetensors"
        rows = _cached(cache, texts)
        if rows is None:
            encoder = encoder or load_text_encoder(run)
            rows, _ = encoder.embed(texts)
            save_file({"t1": rows}, cache, {"texts": _digest(texts)})
        embedded[split] = sequences(conversations, rows)
    return embedded


def sequences(conversations: Sequence[Conversation], rows: Tensor) -> list[Embedded]:
    """Cut embeddings [N, D] of all utterances, in order, back into conversations."""
    parts = torch.split(rows, [len(conversation.utterances) for conversation in conversations])
    return [
        Embedded(
            text=part,
            speech=torch.zeros(len(part), 0),
            present=torch.tensor([[bool(u.text), False] for u in conversation.utterances]),
            labels=torch.tensor(
                [UNSCORED if u.label is None else LABELS.index(u.label) for u in conversation.utterances]
            ),
        )
        for conversation, part in zip(conversations, parts, strict=True)
    ]


def embed_speech(run: Run, ravdess: Path) -> dict[str, Speech]:
    """The clips of each split's actors through CARE and Stage I of the sound."""
    care, speech = load_speech_encoder(run)
    return {
        split: _embed_clips(care, speech, read_ravdess(ravdess, actors))
        for split, actors in zip(SPLITS, (SHIPPED.train, SHIPPED.validation, SHIPPED.test), strict=True)
    }


@torch.inference_mode()
def _embed_clips(care: Care, speech: SpeechClassifier, clips: Sequence[Clip], size: int = 32) -> Speech:
    embeddings, logits = [], []
    for start in range(0, len(clips), size):
        s1, scores = speech(care(*pad([care.prepare(clip.audio) for clip in clips[start : start + size]])))
        embeddings.append(s1)
        logits.append(scores)
    labels = torch.tensor([LABELS.index(clip.label) for clip in clips])
    report = classification(labels.numpy(), torch.cat(logits).argmax(1).numpy(), LABELS)
    return Speech(Pool.of(torch.cat(embeddings), labels, len(LABELS)), report["confusion"])


def paired(
    data: Mapping[str, Sequence[Embedded]], speech: Mapping[str, Speech], trusted: Trust | None = None
) -> dict[str, list[Embedded]]:
    """Give every turn a clip of its emotion (or, by `trusted`, of another) by an actor of its split.

    Always the same one: validation and test data must not change.
    """
    return {
        split: [
            with_speech(conversation, speech[split].pool, torch.Generator().manual_seed(number), trusted)
            for number, conversation in enumerate(part)
        ]
        for split, part in data.items()
    }


def speech_trust(speech: Mapping[str, Speech]) -> Trust:
    """How often training clips are to show another emotion (see `pairing`)."""
    return trust(speech["train"].confusion, speech["validation"].confusion)


def unseen_trust(speech: Mapping[str, Speech]) -> Trust:
    """No mismatches, for clips that training has not seen; `weaker` makes some."""
    return trust(speech["validation"].confusion, speech["validation"].confusion)


def text_trust(context: ContextEncoder, data: Mapping[str, Sequence[Embedded]]) -> Trust:
    """How often the words of training turns are to be another turn's (see `pairing`)."""
    seen, unseen = (
        judge_context(context, "text", data[split], LABELS)["confusion"] for split in ("train", "validation")
    )
    return trust(seen, unseen)


class Mismatching:
    """Shows a training conversation with pairs as trustworthy as each modality is on validation data."""

    def __init__(
        self,
        speech: Pool,
        speech_trust: Trust,
        text: Pool | None = None,
        text_trust: Trust | None = None,
        silent: float = 0.0,
    ) -> None:
        """Keep what to draw from.

        Args:
            speech: clips of training actors.
            speech_trust: their mismatches.
            text: words of training turns.
            text_trust: their mismatches; None for none.
            silent: share of conversations shown without sound, and with their own words: with nothing to
                weigh them against, words need no mismatches.
        """
        self._speech = speech
        self._speech_trust = speech_trust
        self._text = text
        self._text_trust = text_trust
        self._silent = silent

    def __call__(self, conversation: Embedded, generator: torch.Generator) -> Embedded:
        """A new pairing at every call."""
        if float(torch.rand((), generator=generator)) < self._silent:
            words_only = conversation.present & torch.tensor([True, False])
            return replace(conversation, present=words_only)
        return self.paired(conversation, generator)

    def paired(self, conversation: Embedded, generator: torch.Generator) -> Embedded:
        """A new pairing, with sound."""
        shown = with_speech(conversation, self._speech, generator, self._speech_trust)
        if self._text is None or self._text_trust is None:
            return shown
        return with_mismatched_text(shown, self._text, generator, self._text_trust)


def words_by_emotion(conversations: Sequence[Embedded]) -> Pool:
    """T1 of all scored turns, by emotion."""
    labels = torch.cat([conversation.labels for conversation in conversations])
    rows = torch.cat([conversation.text for conversation in conversations])
    scored = labels != UNSCORED
    return Pool.of(rows[scored], labels[scored], len(LABELS))


def agreement(context: ContextEncoder, modality: Modality, conversations: Sequence[Embedded]) -> float:
    """Weighted F1 of one modality's frozen Stage II: how far it is to be trusted there."""
    return float(judge_context(context, modality, conversations, LABELS)["weighted_f1"])


def _digest(texts: Sequence[str]) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def _cached(path: Path, texts: Sequence[str]) -> Tensor | None:
    if not path.exists():
        return None
    with safe_open(path, "pt") as file:
        if file.metadata() != {"texts": _digest(texts)}:
            return None
        rows: Tensor = file.get_tensor("t1")
    return rows
