"""Embeds conversations of a corpus by Stage I."""

from collections.abc import Sequence

import torch
from torch import Tensor

from offline_train.batches.sequences import UNSCORED, Embedded
from offline_train.corpora.corpus import SPLITS, Conversation, Corpus, Split
from offline_train.embeddings.text import embed_text
from offline_train.runs.run import Run


def embed_corpus(corpus: Corpus, text: Run | None, speech: Run | None) -> dict[Split, list[Embedded]]:
    """Embed every split by Stage I of both modalities (see `embed`)."""
    return {split: embed(corpus.splits[split], corpus.labels, text, speech) for split in SPLITS}


def embed(
    conversations: Sequence[Conversation],
    labels: Sequence[str],
    text: Run | None,
    speech: Run | None,
    silent: int = 0,
) -> list[Embedded]:
    """Embed conversations by Stage I of both modalities.

    Args:
        conversations: the conversations.
        labels: emotions by class index.
        text: Stage I of the text modality; None to omit words.
        speech: Stage I of the speech modality; None to omit sound.
        silent: size of S1 if sound is omitted.
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
    """Split embeddings of all utterances, in order, into conversations.

    Args:
        conversations: conversations with N utterances in total.
        labels: emotions by class index.
        text: T1 [N, D].
        speech: S1 [N, F]; None without sound.
        heard: bool [N], whether an utterance has sound; None without sound.
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
