"""CMU-MOSI (Zadeh et al., IEEE Intelligent Systems 2016): video monologues, scored from -3 to 3."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from offline_train.corpora.corpus import Conversation, Corpus, Sentiment, Split, Utterance
from offline_train.corpora.errors import CorpusError
from offline_train.corpora.prepared import read_prepared

LABELS = ("negative", "positive")
TERMS = "research use"
_TRAIN, _VALIDATION = 49, 13  # videos, in Poria et al. (ACL 2017) and MERITS-L


def read_mosi(folder: Path, *, features: str | None = None) -> Corpus:
    """Negative below 0, positive from 0 on (MERITS-L, section IV-A); a video is a conversation.

    Raises:
        CorpusError: the corpus is missing or broken.
    """
    videos: dict[str, list[Utterance]] = {}
    tests: set[str] = set()
    keys = {"id": str, "video": str, "split": str, "text": str, "label": int}
    for row, speech in read_prepared("CMU-MOSI", folder, keys, features or "audio73"):
        if row["label"] not in (0, 1) or row["split"] not in ("train", "test"):
            raise CorpusError(f"CMU-MOSI: {folder}: {row['id']} has an unknown label or split")
        label: Sentiment = "positive" if row["label"] else "negative"
        utterance = Utterance(row["id"], row["text"], label, sentiment=label, speech=speech)
        videos.setdefault(row["video"], []).append(utterance)
        if row["split"] == "test":
            tests.add(row["video"])
    return Corpus("mosi", LABELS, _split(videos, tests), TERMS)


def _split(videos: Mapping[str, Sequence[Utterance]], tests: set[str]) -> dict[Split, Sequence[Conversation]]:
    others = [Conversation(name, tuple(said)) for name, said in videos.items() if name not in tests]
    cut = round(len(others) * _TRAIN / (_TRAIN + _VALIDATION))
    test = [Conversation(name, tuple(said)) for name, said in videos.items() if name in tests]
    return {"train": others[:cut], "validation": others[cut:], "test": test}
