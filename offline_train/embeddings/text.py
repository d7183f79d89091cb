"""Corpora through frozen stages: networks as runs left them, and Stage I embeddings, computed once."""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from models.base_encoder import find_base
from models.care import CareConfig, SpeechClassifier, SpeechConfig, build_care
from models.care_small import SmallCare
from models.context import ContextConfig, ContextEncoder
from models.files import replacing
from models.text import TextConfig, TextEncoder
from offline_train.batches.sequences import UNSCORED, Embedded
from offline_train.corpora.corpus import SPLITS, Conversation, Corpus, Split
from offline_train.runs.run import Run

if TYPE_CHECKING:
    from models.care_wavlm import WavLMCare


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


def embed_corpus(corpus: Corpus, text: Run | None, speech: Run | None) -> dict[Split, list[Embedded]]:
    """Every split through Stage I of both modalities.

    Args:
        corpus: what to embed.
        text: Stage I of the words; None leaves words out.
        speech: Stage I of the sound; None leaves sound out.
    """
    embedded = {}
    for split in SPLITS:
        conversations = corpus.splits[split]
        count = sum(len(conversation.utterances) for conversation in conversations)
        t1, s1, heard = torch.zeros(count, 0), torch.zeros(count, 0), torch.zeros(count, dtype=torch.bool)
        if text is not None:
            t1 = embed_text(text, conversations)
        if speech is not None:
            from offline_train.embeddings.speech import embed_speech

            s1, heard = embed_speech(speech, conversations)
        embedded[split] = sequences(conversations, corpus.labels, t1, s1, heard)
    return embedded


def embed_text(run: Run, conversations: Sequence[Conversation]) -> Tensor:
    """T1 [N, D] of all utterances, in order (see `judge_text`)."""
    return judge_text(run, conversations)[0]


def judge_text(run: Run, conversations: Sequence[Conversation]) -> tuple[Tensor, Tensor]:
    """T1 [N, D] and Stage I logits [N, C] of all utterances, in order.

    What was computed before is read from the run's folder.
    """
    texts = [utterance.text or "" for c in conversations for utterance in c.utterances]
    contexts = preceding(conversations, TextConfig(**run.config["text"]).context_turns)
    path = run.folder / "embeddings" / f"{_digest(texts, contexts)}.safetensors"
    if path.exists():
        kept = load_file(path)
        return kept["t1"], kept["logits"]
    t1, logits = load_text_encoder(run).embed(texts, contexts)
    path.parent.mkdir(exist_ok=True)
    with replacing(path) as partial:
        save_file({"t1": t1, "logits": logits}, partial)
    return t1, logits


def preceding(conversations: Sequence[Conversation], turns: int) -> list[tuple[str, ...]]:
    """For every utterance, in order, the words of up to `turns` turns with words before it."""
    found = []
    for conversation in conversations:
        before: list[str] = []
        for utterance in conversation.utterances:
            found.append(tuple(before[-turns:]) if turns else ())
            if utterance.text:
                before.append(utterance.text)
    return found


def sequences(
    conversations: Sequence[Conversation],
    labels: Sequence[str],
    text: Tensor,
    speech: Tensor | None = None,
    heard: Tensor | None = None,
) -> list[Embedded]:
    """Cut embeddings of all utterances, in order, back into conversations.

    Args:
        conversations: of N utterances together.
        labels: emotions by class index.
        text: T1 [N, D].
        speech: S1 [N, F]; None for no sound.
        heard: bool [N], utterances with sound; None for none.
    """
    sizes = [len(conversation.utterances) for conversation in conversations]
    speech = torch.zeros(len(text), 0) if speech is None else speech
    heard = torch.zeros(len(text), dtype=torch.bool) if heard is None else heard
    parts = zip(conversations, *(torch.split(each, sizes) for each in (text, speech, heard)), strict=True)
    return [
        Embedded(
            text=t1,
            speech=s1,
            present=torch.stack(
                [torch.tensor([bool(u.text) for u in conversation.utterances]), sound], dim=1
            ),
            labels=torch.tensor(
                [UNSCORED if u.label is None else labels.index(u.label) for u in conversation.utterances]
            ),
        )
        for conversation, t1, s1, sound in parts
    ]


def _digest(texts: Sequence[str], contexts: Sequence[Sequence[str]]) -> str:
    said = "\0".join([*texts, "", *("\1".join(context) for context in contexts)])
    return hashlib.sha256(said.encode()).hexdigest()[:20]
