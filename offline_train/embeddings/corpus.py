"""Corpora through frozen stages: conversations as sequences of Stage I embeddings."""

from collections.abc import Sequence

import torch
from torch import Tensor

from offline_train.batches.sequences import UNSCORED, Embedded
from offline_train.corpora.corpus import SPLITS, Conversation, Corpus, Split
from offline_train.embeddings.text import embed_text
from offline_train.runs.run import Run


def embed_corpus(corpus: Corpus, text: Run | None, speech: Run | None) -> dict[Split, list[Embedded]]:
    """Every split through Stage I of both modalities (see `embed`)."""
    return {split: embed(corpus.splits[split], corpus.labels, text, speech) for split in SPLITS}


def embed(
    conversations: Sequence[Conversation],
    labels: Sequence[str],
    text: Run | None,
    speech: Run | None,
    silent: int = 0,
) -> list[Embedded]:
    """Conversations through Stage I of both modalities.

    Args:
        conversations: what to embed.
        labels: emotions by class index.
        text: Stage I of the words; None leaves words out.
        speech: Stage I of the sound; None leaves sound out.
        silent: size of the S1 that stands for the sound that is left out.
    """
    count = sum(len(conversation.utterances) for conversation in conversations)
    t1 = torch.zeros(count, 0) if text is None else embed_text(text, conversations)
    if speech is None:
        return sequences(conversations, labels, t1, torch.zeros(count, silent))
    from offline_train.embeddings.speech import embed_speech

    return sequences(conversations, labels, t1, *embed_speech(speech, conversations))


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
