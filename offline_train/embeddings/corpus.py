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
) -> list[Embedded]:
    """Embed conversations by Stage I of both modalities.

    Args:
        conversations: the conversations.
        labels: emotions by class index.
        text: Stage I of the text modality; None to omit words.
        speech: Stage I of the speech modality; None to omit sound.
    """
    count = sum(len(conversation.utterances) for conversation in conversations)
    t1 = torch.zeros(count, 0) if text is None else embed_text(text, conversations)
    words = sequences(conversations, labels, t1)
    if speech is None:
        return words
    from offline_train.embeddings.speech import SpeechPath, add_sound

    path = SpeechPath.of_run(speech)
    return add_sound(words, conversations, path.embed(conversations), path.speech)


def sequences(conversations: Sequence[Conversation], labels: Sequence[str], text: Tensor) -> list[Embedded]:
    """Split embeddings of the words of all utterances, in order, into conversations without sound.

    Args:
        conversations: conversations with N utterances in total.
        labels: emotions by class index.
        text: T1 [N, D]; D is 0 to omit words.
    """
    parts = torch.split(text, [len(conversation.utterances) for conversation in conversations])
    return [
        Embedded(
            text=t1,
            speech=torch.zeros(len(t1), 0),
            present=torch.tensor(
                [[bool(u.text) and t1.shape[1] > 0, False] for u in conversation.utterances]
            ),
            labels=torch.tensor(
                [UNSCORED if u.label is None else labels.index(u.label) for u in conversation.utterances]
            ),
        )
        for conversation, t1 in zip(conversations, parts, strict=True)
    ]
