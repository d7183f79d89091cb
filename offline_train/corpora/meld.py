"""MELD (Poria et al., ACL 2019): dialogues from Friends, 7 emotions; CSV and clips as published."""

from itertools import groupby
from pathlib import Path
from typing import cast

from offline_train.corpora.corpus import SPLITS, Conversation, Corpus, Sentiment, Split, Utterance
from offline_train.corpora.errors import CorpusError
from offline_train.corpora.tables import read_table

LABELS = ("neutral", "joy", "sadness", "anger", "surprise", "fear", "disgust")
SENTIMENTS = ("negative", "neutral", "positive")
TERMS = "research use; published under GPL-3"
_FILES: dict[Split, str] = {
    "train": "train_sent_emo.csv",
    "validation": "dev_sent_emo.csv",
    "test": "test_sent_emo.csv",
}
_CLIPS: dict[Split, tuple[str, ...]] = {
    "train": ("train_splits", "train"),
    "validation": ("dev_splits_complete", "dev"),
    "test": ("output_repeated_splits_test", "test"),
}
_COLUMNS = ("Utterance", "Speaker", "Emotion", "Sentiment", "Dialogue_ID", "Utterance_ID")


def read_meld_corpus(folder: Path) -> Corpus:
    """The official splits.

    Raises:
        CorpusError: as `read_meld`.
    """
    return Corpus("meld", LABELS, {split: read_meld(folder, split) for split in SPLITS}, TERMS)


def read_meld(folder: Path, split: Split) -> list[Conversation]:
    """Read one official split, with its recordings where a folder of its clips is there.

    The clips (`diaX_uttY.mp4`) lie in `folder` or at most two folders below it, under the names of the
    published archives (train_splits, dev_splits_complete, output_repeated_splits_test) or train, dev and
    test. Some are missing from the published archives too: their utterances have no recording.

    Raises:
        CorpusError: the CSV is missing or is not MELD's, or a clips folder has none of the split's clips.
    """
    path = folder / _FILES[split]
    rows = read_table("MELD", path, _COLUMNS)
    for number, row in rows:
        if row["Emotion"] not in LABELS or row["Sentiment"] not in SENTIMENTS:
            found = f"{row['Emotion']}/{row['Sentiment']}"
            raise CorpusError(f"MELD: {path} line {number}: unknown label {found}")
    return [
        Conversation(
            dialogue,
            tuple(
                Utterance(
                    id=row["Utterance_ID"],
                    text=row["Utterance"].strip(),
                    label=row["Emotion"],
                    sentiment=cast(Sentiment, row["Sentiment"]),
                    speaker=row["Speaker"],
                )
                for _, row in turns
            ),
        )
        for dialogue, turns in groupby(rows, key=lambda pair: pair[1]["Dialogue_ID"])
    ]
