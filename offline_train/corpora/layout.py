"""Finds the files of a corpus, and splits corpora without official splits."""

import random
from collections.abc import Sequence
from pathlib import Path

from offline_train.corpora.corpus import SPLITS, Conversation, Split


def find(folder: Path, name: str) -> Path | None:
    """`name` in `folder` or at most two folders below it, the nearest first; None if there is none.

    Published archives contain folders, which users may have removed.
    """
    for pattern in (name, f"*/{name}", f"*/*/{name}"):
        for path in sorted(folder.glob(pattern)):
            return path
    return None


def home(folder: Path, name: str) -> Path:
    """Where a corpus lies in a folder of corpora: in one of its name, with _ for - (crema_d, msp_podcast)."""
    return folder / name.replace("-", "_")


def is_file(path: Path) -> bool:
    """Whether there is such a file; False for an invalid name, such as a long sentence."""
    try:
        return path.is_file()
    except OSError:
        return False


def divide(
    conversations: Sequence[Conversation], train: float, validation: float, seed: int = 0
) -> dict[Split, Sequence[Conversation]]:
    """A reproducible random split; each part keeps the order of the conversations.

    Args:
        conversations: all of them, in a reproducible order.
        train: share of the training split.
        validation: share of the validation split; the rest is the test split.
        seed: seed of the shuffling.
    """
    count = len(conversations)
    order = list(range(count))
    random.Random(seed).shuffle(order)
    ends = (0, round(train * count), round((train + validation) * count), count)
    return {
        split: [conversations[i] for i in sorted(order[start:end])]
        for split, start, end in zip(SPLITS, ends, ends[1:], strict=False)
    }
