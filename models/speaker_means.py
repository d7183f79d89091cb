"""What is usual for a speaker: the running mean of the embeddings of the speaker's earlier turns.

    usual_k = (prior_turns * prior + sum of the speaker's earlier turns) / (prior_turns + their number)

One definition for training, evaluation and live use. Turns without sound, or with values that are not finite,
do not count. Where no speaker is known, all turns are of one: that of the channel.
"""

from collections.abc import Hashable, Sequence

import torch
from torch import Tensor


def usual(prior: Tensor, prior_turns: float, total: Tensor, count: int) -> Tensor:
    """What is usual for a speaker.

    Args:
        prior: what is usual before anything was heard [D].
        prior_turns: how many turns the prior is worth.
        total: sum of the embeddings of the speaker's earlier turns [D].
        count: of these turns.
    """
    return (prior_turns * prior + total) / (prior_turns + count)


def usual_of_turns(
    embeddings: Tensor,
    speakers: Sequence[Hashable],
    present: Tensor,
    prior: Tensor,
    prior_turns: float,
) -> Tensor:
    """What is usual for the speaker of every turn of a conversation, by the turns before it.

    Args:
        embeddings: of the turns [K, D], in order.
        speakers: of the turns [K]; None is a speaker, too.
        present: bool [K], which turns have sound.
        prior: see `usual`.
        prior_turns: see `usual`.

    Returns:
        [K, D].
    """
    totals: dict[Hashable, Tensor] = {}
    counts: dict[Hashable, int] = {}
    found = []
    for embedding, speaker, heard in zip(embeddings, speakers, present.tolist(), strict=True):
        total, count = totals.get(speaker, torch.zeros_like(prior)), counts.get(speaker, 0)
        found.append(usual(prior, prior_turns, total, count))
        if heard and bool(embedding.isfinite().all()):
            totals[speaker], counts[speaker] = total + embedding, count + 1
    return torch.stack(found) if found else embeddings.new_zeros(0, len(prior))
