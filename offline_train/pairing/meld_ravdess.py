"""MELD's dialogues as sequences of embeddings, paired with sound from RAVDESS."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from models.care import Care, SpeechClassifier, pad
from models.context_encoder import ContextEncoder
from offline_train.batches.sequences import UNSCORED, Embedded, Modality
from offline_train.corpora.corpus import SPLITS, Split
from offline_train.corpora.meld import LABELS
from offline_train.corpora.ravdess import SHIPPED, Clip, read_ravdess
from offline_train.evaluation.judge import judge_context
from offline_train.evaluation.metrics import classification
from offline_train.pairing.mismatch import Pool, Trust, trust, with_mismatched_text, with_speech
from offline_train.runs.networks import load_speech_encoder
from offline_train.runs.run import Run


@dataclass(frozen=True)
class Speech:
    """Embedded clips of one split's actors.

    Attributes:
        pool: S1 by emotion.
        confusion: confusion matrix of Stage I on them (rows: truth).
    """

    pool: Pool
    confusion: Sequence[Sequence[int]]


def without_words(data: Mapping[Split, Sequence[Embedded]]) -> dict[Split, list[Embedded]]:
    """The conversations with labels only, for the speech modality."""
    return {
        split: [replace(each, text=each.text[:, :0], present=torch.zeros_like(each.present)) for each in part]
        for split, part in data.items()
    }


def embed_clips(run: Run, ravdess: Path) -> dict[Split, Speech]:
    """Embed the clips of each split's actors by CARE and Stage I of the speech modality."""
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
    data: Mapping[Split, Sequence[Embedded]], speech: Mapping[Split, Speech], trusted: Trust | None = None
) -> dict[Split, list[Embedded]]:
    """Pair every turn with a clip of its emotion (or, by `trusted`, of another) by an actor of its split.

    The pairing is always the same: validation and test data must not change.
    """
    return {
        split: [
            with_speech(conversation, speech[split].pool, torch.Generator().manual_seed(number), trusted)
            for number, conversation in enumerate(part)
        ]
        for split, part in data.items()
    }


def speech_trust(speech: Mapping[Split, Speech]) -> Trust:
    """How often training clips are mismatched (see `offline_train.pairing.mismatch`)."""
    return trust(speech["train"].confusion, speech["validation"].confusion)


def unseen_trust(speech: Mapping[Split, Speech]) -> Trust:
    """No mismatches, for clips outside of training; `weaker` adds some."""
    return trust(speech["validation"].confusion, speech["validation"].confusion)


def text_trust(context: ContextEncoder, data: Mapping[Split, Sequence[Embedded]]) -> Trust:
    """How often words of training turns are mismatched (see `offline_train.pairing.mismatch`)."""
    seen, unseen = (judge_context(context, "text", data[split], LABELS)["confusion"] for split in SPLITS[:2])
    return trust(seen, unseen)


@dataclass(frozen=True)
class Mismatching:
    """Pairs training conversations so that each modality is as reliable as on validation data.

    Attributes:
        speech: clips of training actors.
        speech_trust: mismatches of the clips.
        text: words of training turns.
        text_trust: mismatches of the words; None for none.
        silent: share of conversations without sound, and with their own words.
    """

    speech: Pool
    speech_trust: Trust
    text: Pool | None = None
    text_trust: Trust | None = None
    silent: float = 0.0

    def __call__(self, conversation: Embedded, generator: torch.Generator) -> Embedded:
        """A new random pairing, or the conversation without sound."""
        if float(torch.rand((), generator=generator)) < self.silent:
            words_only = conversation.present & torch.tensor([True, False])
            return replace(conversation, present=words_only)
        return self.paired(conversation, generator)

    def paired(self, conversation: Embedded, generator: torch.Generator) -> Embedded:
        """A new random pairing with sound."""
        shown = with_speech(conversation, self.speech, generator, self.speech_trust)
        if self.text is None or self.text_trust is None:
            return shown
        return with_mismatched_text(shown, self.text, generator, self.text_trust)


def words_by_emotion(conversations: Sequence[Embedded]) -> Pool:
    """T1 of all scored turns, by emotion."""
    labels = torch.cat([conversation.labels for conversation in conversations])
    rows = torch.cat([conversation.text for conversation in conversations])
    scored = labels != UNSCORED
    return Pool.of(rows[scored], labels[scored], len(LABELS))


def agreement(context: ContextEncoder, modality: Modality, conversations: Sequence[Embedded]) -> float:
    """Weighted F1 of one modality's frozen Stage II, the measure of its reliability."""
    return float(judge_context(context, modality, conversations, LABELS)["weighted_f1"])
