"""nEMO (Christop, LREC-COLING 2024): nine Polish actors, ninety sentences, six emotions."""

import re
from collections.abc import Mapping
from pathlib import Path

from offline_train.corpora.clips import ClipCorpus, Spoken
from offline_train.corpora.layout import find
from offline_train.corpora.tables import read_table

_SPEAKERS = ("KS0", "EB0", "MP0", "IC0", "SM0", "KD0", "TP0", "MK0", "WR0")  # a man, a woman, and so on
_NAME = re.compile(rf"({'|'.join(_SPEAKERS)})_(neutral|happiness|sadness|anger|surprised|fear)_\d+")
_TABLES = {"data.tsv": ("file_id", "raw_text"), "utterances.tsv": ("file", "text")}
"""As published, and as prepared: the table of all files, and its columns of the file and its words."""


def _parse(path: Path) -> Spoken | None:
    match = _NAME.fullmatch(path.stem)
    return Spoken(match[2], match[1]) if match else None


def _words(folder: Path) -> Mapping[str, str]:
    for name, (file, text) in _TABLES.items():
        if path := find(folder, name):
            rows = read_table("nEMO", path, (file, text), delimiter="\t")
            return {Path(row[file]).stem: row[text] for _, row in rows}
    return {}


NEMO = ClipCorpus("nemo", "nEMO", "SPEAKER_emotion_N.wav", _parse, speakers=_SPEAKERS, words=_words)
