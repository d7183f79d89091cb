"""MSP-PODCAST (Lotfian & Busso, IEEE TAC 2019): turns of podcasts, rated for emotion, valence and more."""

import re
from itertools import groupby
from pathlib import Path

from offline_train.corpora.corpus import SPLITS, Conversation, Corpus, Recording, Sentiment, Split, Utterance
from offline_train.corpora.errors import CorpusError
from offline_train.corpora.layout import divide, find
from offline_train.corpora.tables import number, read_json_lines, read_table

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
_WORDS_FILE = "natural.jsonl"
_RATINGS = {"valence": "EmoVal", "arousal": "EmoAct", "dominance": "EmoDom"}
_NAME = re.compile(r"MSP-PODCAST_(\d+)_(\d+)(?:_(\d+))?")
_TRAIN_SHARE = 0.8


def read_msp_podcast(folder: Path) -> Corpus:
    """Read consensus emotions, valence, arousal and dominance from 1 to 7, and the sentiment of MERITS-L.

    Files named `MSP-PODCAST_PODCAST_TURN.wav` are turns of a conversation, the podcast; any other file is a
    conversation of its own. Emotions "other" and "no agreement" are None. Words come from
    `Transcripts/*.txt`, if present. The splits are those of Split_Set (Development is the validation; Test1,
    2 and 3 are the test); without that column, 80 % of the podcasts are the training split and 20 % the
    validation, as in MERITS-L.

    Instead of the release the folder may hold `natural.jsonl`, words of turns without their sound: for
    measuring, so all of them are the test split.

    Raises:
        CorpusError: the corpus is missing or broken.
    """
    labels = next((path for name in _LABELS_FILES if (path := find(folder, name))), None)
    words = find(folder, _WORDS_FILE)
    if labels:
        turns = _read_release(folder, labels)
    elif words:
        turns = _read_words(words)
    else:
        raise CorpusError(f"MSP-PODCAST: expected Labels/{_LABELS_FILES[0]} or {_WORDS_FILE} in {folder}")
    if not turns:
        raise CorpusError(f"MSP-PODCAST: {labels or words} has no rows")
    turns.sort(key=lambda turn: (turn[0], *_place(turn[1].id)))
    conversations = [
        (split, Conversation(podcast, tuple(utterance for _, utterance in group)))
        for (split, podcast), group in groupby(turns, key=lambda turn: (turn[0], _place(turn[1].id)[0]))
    ]
    if turns[0][0] == "":
        splits = divide([one for _, one in conversations], _TRAIN_SHARE, 1 - _TRAIN_SHARE)
    else:
        splits = {part: [one for split, one in conversations if _SPLITS[split] == part] for part in SPLITS}
    return Corpus("msp-podcast", LABELS, splits)


def sentiment_of(valence: float) -> Sentiment:
    """The sentiment of a valence from 1 to 7: positive above 5, negative below 3 (MERITS-L, section IV-D)."""
    return "positive" if valence > 5 else "negative" if valence < 3 else "neutral"


def _read_release(folder: Path, labels: Path) -> list[tuple[str, Utterance]]:
    """The turns with the names of their splits."""
    sounds = find(folder, "Audios") or find(folder, "Audio")
    if sounds is None:
        raise CorpusError(f"MSP-PODCAST: expected the folder Audios in {folder}")
    transcripts = find(folder, "Transcripts")
    there = {path.name for path in sounds.iterdir()}
    turns = []
    for line, row in read_table("MSP-PODCAST", labels, _COLUMNS):
        name, split = row["FileName"].strip(), row.get("Split_Set", "").strip()
        if "Split_Set" in row and split not in _SPLITS:
            raise CorpusError(f"MSP-PODCAST: {labels} line {line}: unknown Split_Set {split!r}")
        if name not in there:
            raise CorpusError(f"MSP-PODCAST: {labels} line {line}: expected {name} in {sounds}")
        ratings = {
            rating: number("MSP-PODCAST", labels, line, column, row[column])
            for rating, column in _RATINGS.items()
            if column in row
        }
        utterance = Utterance(
            id=Path(name).stem,
            text=_words_of(transcripts, Path(name).stem),
            label=_label(labels, line, "EmoClass", row["EmoClass"].strip()),
            sentiment=sentiment_of(ratings["valence"]),
            speaker=row.get("SpkrID") or None,
            valence=ratings["valence"],
            arousal=ratings.get("arousal"),
            dominance=ratings.get("dominance"),
            recording=Recording(sounds / name),
        )
        turns.append((split, utterance))
    return turns


def _read_words(path: Path) -> list[tuple[str, Utterance]]:
    """The turns with the name of their split."""
    keys: dict[str, type | tuple[type, ...]] = {"id": str, "text": str, "label": str}
    turns = []
    for line, row in read_json_lines("MSP-PODCAST", path, keys | dict.fromkeys(_RATINGS, (int, float))):
        utterance = Utterance(
            id=row["id"],
            text=row["text"],
            label=_label(path, line, "label", row["label"]),
            sentiment=sentiment_of(row["valence"]),
            **{rating: row[rating] for rating in _RATINGS},
        )
        turns.append(("Test", utterance))
    return turns


def _label(path: Path, line: int, column: str, code: str) -> str | None:
    if code not in _CLASSES:
        raise CorpusError(f"MSP-PODCAST: {path} line {line}: unknown {column} {code!r}")
    return _CLASSES[code]


def _place(name: str) -> tuple[str, int, int]:
    """Podcast, turn and part of the turn, by a turn's name."""
    match = _NAME.fullmatch(name)
    return (match[1], int(match[2]), int(match[3] or 0)) if match else (name, 0, 0)


def _words_of(transcripts: Path | None, name: str) -> str | None:
    if transcripts is None:
        return None
    path = transcripts / f"{name}.txt"
    return (path.read_text(encoding="utf-8", errors="replace").strip() or None) if path.is_file() else None
