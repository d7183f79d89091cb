"""Finding a corpus' files, and dividing what its publisher does not."""

import random
from collections.abc import Sequence
from pathlib import Path

from offline_train.corpora.corpus import SPLITS, Conversation, Split


def find(folder: Path, name: str) -> Path | None:
    """`name` in `folder` or at most two folders below it, the nearest first; None where there is none.

    Publishers' archives unpack into folders of their own, which some people keep and some don't.
    """
    for pattern in (name, f"*/{name}", f"*/*/{name}"):
        for path in sorted(folder.glob(pattern)):
            return path
    return None


def is_file(path: Path) -> bool:
    """Whether there is such a file; no for what can't be a file's name, such as a long sentence."""
    try:
        return path.is_file()
    except OSError:
        return False


def divide(
    conversations: Sequence[Conversation], train: float, validation: float, seed: int = 0
) -> dict[Split, Sequence[Conversation]]:
    """A random division that stays the same, each part in the order given.

    Args:
        conversations: all of them, in an order that stays the same.
        train: share of the conversations.
        validation: likewise; the rest is the test.
        seed: of the shuffling.
    """
    count = len(conversations)
    order = list(range(count))
    random.Random(seed).shuffle(order)
    ends = (0, round(train * count), round((train + validation) * count), count)
    return {
        split: [conversations[i] for i in sorted(order[start:end])]
        for split, start, end in zip(SPLITS, ends, ends[1:], strict=False)
    }
