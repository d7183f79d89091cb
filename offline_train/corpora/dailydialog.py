"""DailyDialog (Li et al., IJCNLP 2017): written everyday dialogues, with an emotion per turn."""

from pathlib import Path

from offline_train.corpora.corpus import Conversation, Corpus, Split, Utterance
from offline_train.corpora.detokenize import detokenize
from offline_train.corpora.errors import CorpusError
from offline_train.corpora.layout import find
from offline_train.corpora.tables import read_json, read_lines

LABELS = ("neutral", "anger", "disgust", "fear", "happiness", "sadness", "surprise")
_TRAIN_PART = "dailydialog_train.json"
_NAMES = {name: name for name in LABELS} | {
    # variants in RECCON's annotation
    "happy": "happiness",
    "happines": "happiness",
    "excited": "happiness",
    "sad": "sadness",
    "angry": "anger",
    "surprised": "surprise",
}


def read_dailydialog(folder: Path) -> Corpus:
    """Read `dialogues_SPLIT.txt` and `dialogues_emotion_SPLIT.txt`, as published.

    If those of the training split are missing, the part of it that RECCON (Poria et al., Cognitive
    Computation 2021) publishes, `dailydialog_train.json`, is read instead. The speakers, A and B, alternate.

    Raises:
        CorpusError: a file is missing or broken.
    """
    part = find(folder, _TRAIN_PART)
    splits: dict[Split, list[Conversation]] = {}
    for split in ("train", "validation", "test"):
        if split == "train" and part and not find(folder, "dialogues_train.txt"):
            splits[split] = _read_part(part)
        else:
            splits[split] = _read_published(folder, split)
    return Corpus("dailydialog", LABELS, splits)


def _read_published(folder: Path, split: Split) -> list[Conversation]:
    texts, emotions = find(folder, f"dialogues_{split}.txt"), find(folder, f"dialogues_emotion_{split}.txt")
    if texts is None or emotions is None:
        lacking = f"dialogues_{split}.txt" if texts is None else f"dialogues_emotion_{split}.txt"
        raise CorpusError(f"DailyDialog: expected {lacking} in {folder}")
    said = [content for _, content in read_lines("DailyDialog", texts)]
    felt = list(read_lines("DailyDialog", emotions))
    if len(said) != len(felt):
        raise CorpusError(f"DailyDialog: {texts} has {len(said)} dialogues, {emotions.name} {len(felt)}")
    conversations = []
    for content, (line, numbers) in zip(said, felt, strict=True):
        turns = [turn for turn in content.split("__eou__") if turn.strip()]
        labels = numbers.split()
        if len(turns) != len(labels) or not set(labels) <= set("0123456"):
            raise CorpusError(f"DailyDialog: {emotions} line {line} is not a number from 0 to 6 a turn")
        name = f"{split}_{line}"
        conversations.append(_conversation(name, turns, [LABELS[int(one)] for one in labels]))
    return conversations


def _read_part(path: Path) -> list[Conversation]:
    dialogues = read_json("DailyDialog", path)
    if not isinstance(dialogues, dict):
        raise CorpusError(f"DailyDialog: {path} is no object of dialogues by name")
    conversations = []
    for name, content in dialogues.items():
        try:
            (turns,) = content
            said = [str(turn["utterance"]) for turn in turns]
            labels = [_NAMES[turn["emotion"]] for turn in turns]
        except (KeyError, TypeError, ValueError) as error:
            raise CorpusError(
                f"DailyDialog: {path}: {name} is not one list of turns with utterance and emotion"
            ) from error
        conversations.append(_conversation(name, said, labels))
    return conversations


def _conversation(name: str, turns: list[str], labels: list[str]) -> Conversation:
    return Conversation(
        name,
        tuple(
            Utterance(str(place), detokenize(turn), label, speaker="AB"[place % 2])
            for place, (turn, label) in enumerate(zip(turns, labels, strict=True))
        ),
    )
