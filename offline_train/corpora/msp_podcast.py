"""MSP-PODCAST (Lotfian & Busso, IEEE TAC 2019): turns of podcasts, rated for emotion, valence and more."""

import re
from itertools import groupby
from pathlib import Path

from offline_train.corpora.corpus import Conversation, Corpus, Recording, Sentiment, Split, Utterance
from offline_train.corpora.errors import CorpusError
from offline_train.corpora.layout import divide, find
from offline_train.corpora.tables import number, read_table

LABELS = ("anger", "sadness", "happiness", "surprise", "fear", "disgust", "contempt", "neutral")
_CLASSES: dict[str, str | None] = {
    "A": "anger",
    "S": "sadness",
    "H": "happiness",
    "U": "surprise",
    "F": "fear",
    "D": "disgust",
    "C": "contempt",
    "N": "neutral",
    "O": None,  # other
    "X": None,  # no agreement
}
_SPLITS: dict[str, Split] = {
    "Train": "train",
    "Development": "validation",
    "Validation": "validation",
    "Test": "test",
    "Test1": "test",
    "Test2": "test",
    "Test3": "test",
}
_LABELS_FILES = ("labels_consensus.csv", "labels_concensus.csv")  # the second as older releases spell it
_COLUMNS = ("FileName", "EmoClass", "EmoVal")
_NAME = re.compile(r"MSP-PODCAST_(\d+)_(\d+)")
_TRAIN_SHARE = 0.8


def read_msp_podcast(folder: Path) -> Corpus:
    """Read consensus emotions, valence from 1 to 7, and the sentiment derived from it in MERITS-L.

    Files named `MSP-PODCAST_PODCAST_TURN.wav` are turns of a conversation, the podcast; any other file is a
    conversation of its own. Emotions "other" and "no agreement" are None. Words come from
    `Transcripts/*.txt`, if present. The splits are those of Split_Set (Development is the validation; Test1,
    2 and 3 are the test); without that column, 80 % of the podcasts are the training split and 20 % the
    validation, as in MERITS-L.

    Raises:
        CorpusError: the corpus is missing or broken.
    """
    found = [path for name in _LABELS_FILES if (path := find(folder, name))]
    sounds = find(folder, "Audios") or find(folder, "Audio")
    if not found:
        raise CorpusError(f"MSP-PODCAST: expected Labels/labels_consensus.csv in {folder}")
    if sounds is None:
        raise CorpusError(f"MSP-PODCAST: expected the folder Audios in {folder}")
    transcripts = find(folder, "Transcripts")
    there = {path.name for path in sounds.iterdir()}
    turns = []
    for line, row in read_table("MSP-PODCAST", found[0], _COLUMNS):
        where = f"{found[0]} line {line}"
        name, label, split = (
            row["FileName"].strip(),
            row["EmoClass"].strip(),
            row.get("Split_Set", "").strip(),
        )
        if label not in _CLASSES:
            raise CorpusError(f"MSP-PODCAST: {where}: unknown EmoClass {label!r}")
        if "Split_Set" in row and split not in _SPLITS:
            raise CorpusError(f"MSP-PODCAST: {where}: unknown Split_Set {split!r}")
        if name not in there:
            raise CorpusError(f"MSP-PODCAST: {where}: expected {name} in {sounds}")
        valence = number("MSP-PODCAST", found[0], line, "EmoVal", row["EmoVal"])
        utterance = Utterance(
            id=Path(name).stem,
            text=_words(transcripts, Path(name).stem),
            label=_CLASSES[label],
            sentiment=sentiment_of(valence),
            speaker=row.get("SpkrID") or None,
            valence=valence,
            recording=Recording(sounds / name),
        )
        match = _NAME.fullmatch(utterance.id)
        podcast, turn = (match[1], int(match[2])) if match else (utterance.id, 0)
        turns.append(((split, podcast, turn), utterance))
    if not turns:
        raise CorpusError(f"MSP-PODCAST: {found[0]} has no rows")
    turns.sort(key=lambda pair: pair[0])
    conversations = [
        (split, Conversation(podcast, tuple(utterance for _, utterance in group)))
        for (split, podcast), group in groupby(turns, key=lambda pair: pair[0][:2])
    ]
    if turns[0][0][0] == "":
        splits = divide([one for _, one in conversations], _TRAIN_SHARE, 1 - _TRAIN_SHARE)
    else:
        splits = {
            part: [one for split, one in conversations if _SPLITS[split] == part]
            for part in ("train", "validation", "test")
        }
    return Corpus("msp-podcast", LABELS, splits)


def sentiment_of(valence: float) -> Sentiment:
    """The sentiment of a valence from 1 to 7: positive above 5, negative below 3 (MERITS-L, section IV-D)."""
    return "positive" if valence > 5 else "negative" if valence < 3 else "neutral"


def _words(transcripts: Path | None, name: str) -> str | None:
    if transcripts is None:
        return None
    path = transcripts / f"{name}.txt"
    return (path.read_text(encoding="utf-8", errors="replace").strip() or None) if path.is_file() else None
