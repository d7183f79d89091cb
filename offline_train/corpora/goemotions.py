"""GoEmotions (Demszky et al., ACL 2020): Reddit comments, 27 emotions and neutral."""

from pathlib import Path

from offline_train.corpora.corpus import Conversation, Corpus, Split, Utterance
from offline_train.corpora.errors import CorpusError
from offline_train.corpora.tables import read_lines

_LABELS_FILES = ("labels.txt", "emotions.txt")
_FILES: dict[Split, str] = {"train": "train.tsv", "validation": "dev.tsv", "test": "test.tsv"}


def read_goemotions(folder: Path) -> Corpus:
    """Read each comment as a conversation; if it has several emotions, its label is the first.

    Raises:
        CorpusError: a file is missing, or a line is not a comment, emotion numbers and an id.
    """
    names = next(
        (folder / name for name in _LABELS_FILES if (folder / name).is_file()), folder / "labels.txt"
    )
    labels = tuple(line.strip() for _, line in read_lines("GoEmotions", names))
    return Corpus(
        "goemotions", labels, {split: _read(folder / name, labels) for split, name in _FILES.items()}
    )


def _read(path: Path, labels: tuple[str, ...]) -> list[Conversation]:
    conversations = []
    for line, content in read_lines("GoEmotions", path):
        fields = content.split("\t")
        numbers = fields[1].split(",") if len(fields) == 3 else []
        if not numbers or not all(one.isdecimal() and int(one) < len(labels) for one in numbers):
            raise CorpusError(f"GoEmotions: {path} line {line} is not 'comment<tab>emotion numbers<tab>id'")
        utterance = Utterance(fields[2].strip(), fields[0].strip() or None, labels[int(numbers[0])])
        conversations.append(Conversation(utterance.id, (utterance,)))
    return conversations
