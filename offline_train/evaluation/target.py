"""Targets of an evaluation: bundles, and runs of Stage I, II or III."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from models.bundle import Bundle
from models.conversation import ConversationModel
from offline_train.batches.sequences import Embedded, Modality
from offline_train.corpora.corpus import Conversation, Split, preceding
from offline_train.embeddings.corpus import embed as embed_conversations
from offline_train.embeddings.corpus import sequences
from offline_train.embeddings.speech import SpeechPath, add_sound
from offline_train.embeddings.text import reading
from offline_train.errors import UsageError
from offline_train.evaluation.streamed import one_modality
from offline_train.pairing.clips import embed_clips, read_voices
from offline_train.pairing.pairs import always_spoken, dialogues_of, has_prosody
from offline_train.runs.networks import (
    load_context,
    load_conversation,
    load_text_encoder,
)
from offline_train.runs.run import Run
from offline_train.runs.run_corpus import RunCorpus, corpus_of, parent

WINDOW = 32
"""Turns of context in evaluations of runs and in exported bundles."""


@dataclass(frozen=True)
class EvaluationTarget:
    """Networks to evaluate.

    Attributes:
        name: name in reports.
        labels: emotions by class index.
        heads: heads of Stage I by modality: T1 or S1 [N, D] -> logits [N, C].
        embed: embeds conversations of a split by Stage I.
        conversation: Stages II and III; None for a run of Stage I.
        alone: the modality of a run of Stage II, which `conversation` reads in place of words.
        window: turns of context as streamed.
        temperature: temperature of a bundle's probabilities.
    """

    name: str
    labels: tuple[str, ...]
    heads: Mapping[Modality, nn.Module]
    embed: Callable[[Sequence[Conversation], Split], list[Embedded]]
    conversation: ConversationModel | None
    alone: Modality | None = None
    window: int = WINDOW
    temperature: float | None = None


def _with_sound(
    path: SpeechPath | None,
    clips: Path | None,
    words: list[Embedded],
    conversations: Sequence[Conversation],
    split: Split,
) -> list[Embedded]:
    """Conversations with their own sound, else spoken by actors of the split, else silent."""
    if path is None:
        return words
    sound = path.embed(conversations)
    if clips is None or sound.present.any() or not has_prosody(conversations):
        return add_sound(words, conversations, sound, path.speech)
    actors = embed_clips(read_voices(clips).splits[split], path)
    return always_spoken(dialogues_of(words, conversations), actors, path.speech)


def bundle_target(bundle: Bundle, clips: Path | None = None, cache: Path | None = None) -> EvaluationTarget:
    """A bundle as target; with a speech path, it uses the recordings of a corpus.

    Args:
        bundle: the bundle.
        clips: folder of the clips that speak dialogues without recordings; None to judge these by their
            words alone.
        cache: folder to cache in what is computed from recordings; None for no cache.
    """
    path = None
    if bundle.speech is not None:
        path = SpeechPath(bundle.speech, bundle.care, bundle.manifest.care, cache)

    def embed(conversations: Sequence[Conversation], split: Split) -> list[Embedded]:
        texts = [utterance.text or "" for c in conversations for utterance in c.utterances]
        with reading(len(texts)):
            t1, _ = bundle.text.embed(texts, preceding(conversations, bundle.text.config.context_turns))
        words = sequences(conversations, bundle.labels, t1)
        return _with_sound(path, clips, words, conversations, split)

    heads: dict[Modality, nn.Module] = {"text": bundle.text.head}
    if bundle.speech is not None:
        heads["speech"] = bundle.speech.head
    return EvaluationTarget(
        bundle.name,
        bundle.labels,
        heads,
        embed,
        bundle.conversation,
        window=bundle.manifest.window,
        temperature=bundle.manifest.temperature,
    )


def run_target(run: Run, clips: Path | None = None) -> EvaluationTarget:
    """A finished run of Stage I, II or III as target.

    Args:
        run: the run.
        clips: folder of the clips that speak dialogues without sound; None for the run's, if it has some.

    Raises:
        RunFolderError: the run, or one it is based on, is unfinished.
        UsageError: the run is of another kind.
    """
    config = run.config
    stages: dict[Modality, Run] = {}
    model, alone = None, None
    if "conversation" in config:
        model = load_conversation(run)
        stages["text"] = parent(parent(run, "text"), "stage1")
        stages["speech"] = parent(parent(run, "speech"), "stage1")
    elif "context" in config:
        modality: Modality = config["modality"]
        model, alone = one_modality(load_context(run)), modality
        stages[modality] = parent(run, "stage1")
    elif "text" in config and "base_sha256" in config:
        stages["text"] = run
    elif "speech" in config:
        stages["speech"] = run
    else:
        raise UsageError(f"{run.folder} is no run of stage1, stage2 or stage3; only these can be evaluated")
    text, speech = stages.get("text"), stages.get("speech")
    labels = labels_of(run)
    if clips is None and (own := run.settings.get("clips")):
        clips = Path(own)
    path, heads = None, dict[Modality, nn.Module]()
    if text is not None:
        heads["text"] = load_text_encoder(text).head
    if speech is not None:
        path = SpeechPath.of_run(speech)
        heads["speech"] = path.speech.head

    def embed(conversations: Sequence[Conversation], split: Split) -> list[Embedded]:
        words = embed_conversations(conversations, labels, text, None)
        return _with_sound(path, clips, words, conversations, split)

    return EvaluationTarget(str(run.folder), labels, heads, embed, model, alone)


def labels_of(run: Run) -> tuple[str, ...]:
    """A finished run's emotions by class index, which is their order in its metrics.

    Raises:
        RunFolderError: the run is unfinished.
        UsageError: the run has no emotions.
    """
    report: Any = run.metrics.get("validation", {})
    report = report.get("with_sound", report)
    if not isinstance(report.get("f1"), dict) or "confusion" not in report:
        raise UsageError(f"{run.folder} is no run of stage1, stage2 or stage3 that can be evaluated")
    return tuple(report["f1"])


def corpus_of_run(run: Run) -> RunCorpus:
    """The corpus of a run of any stage, with the speech features of its speech run."""
    source = corpus_of(run)
    if "conversation" in run.config and not run.settings.get("clips"):
        return replace(source, features=corpus_of(parent(run, "speech")).features)
    return source
