"""The user's own data: a CSV manifest with a row per utterance.

Columns, in any order, separated by commas, semicolons or tabs:

| column | needed | content |
|---|---|---|
| conversation | yes | name of the conversation; its rows are in the order in which they were spoken |
| text | this or audio | the words |
| audio | this or text | an audio or video file, relative to the manifest |
| start, end | no | times in that file, in seconds; by default its start and end |
| label | no | the emotion; empty for context that is not scored |
| split | no | train, validation (or valid, dev) or test, the same for a whole conversation |
| utterance | no | its name, unique in the conversation; by default its number |
| speaker | no | name of the speaker |
| sentiment | no | negative, neutral or positive |
| valence | no | a number, on any scale |
| arousal | no | likewise, from calm to excited |

Without a split column, a fixed random 80 % of the conversations are the training split, 10 % the validation
and 10 % the test.
"""

import math
from pathlib import Path
from typing import cast, get_args

from offline_train.corpora.corpus import (
    SPLITS,
    Conversation,
    Corpus,
    Recording,
    Sentiment,
    Utterance,
)
from offline_train.corpora.errors import CorpusError
from offline_train.corpora.layout import divide, is_file
from offline_train.corpora.tables import Row, number, read_table

COLUMNS = (
    "conversation",
    "text",
    "audio",
    "start",
    "end",
    "label",
    "split",
    "utterance",
    "speaker",
    "sentiment",
    "valence",
    "arousal",
)
_ALIASES = {"valid": "validation", "dev": "validation"}
_SENTIMENTS: tuple[str, ...] = get_args(Sentiment)


def read_manifest(path: Path) -> Corpus:
    """Read a corpus from its manifest; its labels are those that occur, sorted by name.

    Args:
        path: the manifest, or a folder with `manifest.csv` or one CSV or TSV file only.

    Raises:
        CorpusError: there is no manifest, or a line is not as described in the table above.
    """
    path = _locate(path)
    rows = read_table("folder", path, ("conversation",), delimiters=",;\t")
    if not rows:
        raise CorpusError(f"folder: {path} has no rows")
    if unknown := [name for name in rows[0][1] if name not in COLUMNS]:
        raise CorpusError(f"folder: {path} has the column {unknown[0]!r}; there are {', '.join(COLUMNS)}")
    conversations: dict[str, dict[str, Utterance]] = {}
    split_of: dict[str, str] = {}
    for line, row in rows:
        where = f"folder: {path} line {line}"
        row = {name: value.strip() for name, value in row.items()}
        name = row["conversation"]
        if not name:
            raise CorpusError(f"{where}: which conversation?")
        utterances = conversations.setdefault(name, {})
        utterance = _utterance(path, line, row, str(len(utterances)))
        if utterance.id in utterances:
            raise CorpusError(f"{where}: conversation {name} has an utterance {utterance.id!r} already")
        utterances[utterance.id] = utterance
        if "split" in row:
            split = _ALIASES.get(row["split"], row["split"])
            if split not in SPLITS:
                raise CorpusError(f"{where}: unknown split {row['split']!r}; there are {', '.join(SPLITS)}")
            if split_of.setdefault(name, split) != split:
                raise CorpusError(f"{where}: conversation {name} is in {split_of[name]} already")
    read = [Conversation(name, tuple(said.values())) for name, said in conversations.items()]
    splits = (
        {split: [one for one in read if split_of[one.id] == split] for split in SPLITS}
        if split_of
        else divide(read, 0.8, 0.1)
    )
    labels = sorted({said.label for one in read for said in one.utterances if said.label})
    return Corpus("folder", tuple(labels), splits)


def _locate(path: Path) -> Path:
    if not path.is_dir():
        return path
    if (path / "manifest.csv").is_file():
        return path / "manifest.csv"
    found = sorted(one for one in path.iterdir() if one.suffix.lower() in {".csv", ".tsv"})
    if len(found) != 1:
        raise CorpusError(
            f"folder: expected manifest.csv in {path}, or one CSV file only; found {len(found)}"
        )
    return found[0]


def _utterance(path: Path, line: int, row: Row, place: str) -> Utterance:
    where = f"folder: {path} line {line}"

    def value(column: str) -> float | None:
        text = row.get(column)
        parsed = number("folder", path, line, column, text) if text else None
        if parsed is not None and not math.isfinite(parsed):
            raise CorpusError(f"{where}: {column} {text!r} is no number")
        return parsed

    sentiment = row.get("sentiment") or None
    if sentiment not in (None, *_SENTIMENTS):
        raise CorpusError(f"{where}: unknown sentiment {sentiment!r}; there are {', '.join(_SENTIMENTS)}")
    text, audio = row.get("text") or None, row.get("audio")
    start, end = value("start"), value("end")
    if text is None and not audio:
        raise CorpusError(f"{where}: neither text nor audio")
    if not audio and (start is not None or end is not None):
        raise CorpusError(f"{where}: start or end, but no audio")
    if (start or 0) < 0 or (end is not None and end <= (start or 0)):
        raise CorpusError(f"{where}: it should start at 0 or later and end after that")
    if audio and not is_file(path.parent / audio):
        raise CorpusError(f"{where}: no audio file {audio:.200} in {path.parent}")
    return Utterance(
        id=row.get("utterance") or place,
        text=text,
        label=row.get("label") or None,
        sentiment=cast(Sentiment | None, sentiment),
        speaker=row.get("speaker") or None,
        valence=value("valence"),
        arousal=value("arousal"),
        recording=Recording(path.parent / audio, start or 0.0, end) if audio else None,
    )
