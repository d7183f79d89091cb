"""MELD (Poria et al., ACL 2019): dialogues from Friends, 7 emotions, transcripts as published in CSV."""

import csv
from itertools import groupby
from pathlib import Path
from typing import cast

from offline_train.corpora.corpus import Conversation, Sentiment, Split, Utterance
from offline_train.corpora.errors import CorpusError

LABELS = ("neutral", "joy", "sadness", "anger", "surprise", "fear", "disgust")
SENTIMENTS = ("negative", "neutral", "positive")
_FILES: dict[Split, str] = {
    "train": "train_sent_emo.csv",
    "validation": "dev_sent_emo.csv",
    "test": "test_sent_emo.csv",
}
_COLUMNS = {"Utterance", "Speaker", "Emotion", "Sentiment", "Dialogue_ID", "Utterance_ID"}


def read_meld(folder: Path, split: Split) -> list[Conversation]:
    """Read one official split.

    Raises:
        CorpusError: the CSV is missing or is not MELD's.
    """
    path = folder / _FILES[split]
    if not path.is_file():
        raise CorpusError(f"MELD: expected {path.name} in {folder}, as published by its authors")
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if missing := _COLUMNS - set(reader.fieldnames or ()):
            raise CorpusError(f"MELD: {path} lacks the columns {', '.join(sorted(missing))}")
        rows = list(reader)
    for number, row in enumerate(rows, start=2):
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
                for row in turns
            ),
        )
        for dialogue, turns in groupby(rows, key=lambda row: row["Dialogue_ID"])
    ]
