"""LibriSpeech (Panayotov et al., ICASSP 2015): sentences read aloud from books, as ordinary speech."""

import re
from collections.abc import Mapping
from pathlib import Path

from offline_train.corpora.clips import ClipCorpus, Spoken
from offline_train.corpora.corpus import Split
from offline_train.corpora.errors import CorpusError
from offline_train.corpora.tables import read_lines

_NAME = re.compile(r"(\d+)-\d+-\d+")
_SET = re.compile(r"(dev|test)[-_](?:clean|other)")
_SPLITS: dict[str, Split] = {"dev": "validation", "test": "test"}


def _parse(path: Path) -> Spoken | None:
    """Sentences of dev-* and test-* are the validation and test; all others go with their speaker."""
    if (match := _NAME.fullmatch(path.stem)) is None:
        return None
    sets = (found for above in path.absolute().parents if (found := _SET.fullmatch(above.name)))
    published = next(sets, None)
    return Spoken("neutral", match[1], split=_SPLITS[published[1]] if published else None)


def _words(folder: Path) -> Mapping[str, str]:
    """The words by SPEAKER-CHAPTER.trans.txt as published, or by a table NAME.tsv beside the folder NAME."""
    folder = folder.absolute()
    beside = folder.with_name(f"{folder.name}.tsv")
    words = {}
    for path in (*folder.rglob("*.trans.txt"), *folder.rglob("*.tsv"), *[beside] * beside.is_file()):
        for line, text in read_lines("LibriSpeech", path):
            name, *said = re.split(r"[ \t]", text, maxsplit=1)
            if not said:
                raise CorpusError(f"LibriSpeech: {path} line {line} is not a file's name and its words")
            words[name.removesuffix(".flac")] = said[0].lower()  # they are published in capitals
    return words


LIBRISPEECH = ClipCorpus("librispeech", "LibriSpeech", "SPEAKER-CHAPTER-NUMBER.flac", _parse, words=_words)
