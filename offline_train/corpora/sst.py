"""Stanford Sentiment Treebank (Socher et al., EMNLP 2013): sentences of film reviews, in five classes.

Pang and Lee's rt-polarity, which may be in the same folder, is not read: the treebank consists of the same
sentences, so training would include its validation and test splits.
"""

from pathlib import Path

from offline_train.corpora.corpus import Conversation, Corpus, Sentiment, Split, Utterance
from offline_train.corpora.detokenize import detokenize
from offline_train.corpora.errors import CorpusError
from offline_train.corpora.tables import read_lines

LABELS = ("very_negative", "negative", "neutral", "positive", "very_positive")
_SENTIMENTS: tuple[Sentiment, ...] = ("negative", "negative", "neutral", "positive", "positive")
_FILES: dict[Split, str] = {
    "train": "stsa.fine.train",
    "validation": "stsa.fine.dev",
    "test": "stsa.fine.test",
}


def read_sst(folder: Path) -> Corpus:
    """Read each sentence as a conversation.

    Raises:
        CorpusError: a file is missing, or a line is not a class from 0 to 4 and a sentence.
    """
    splits = {split: _read(folder / name) for split, name in _FILES.items()}
    return Corpus("sst", LABELS, splits)


def _read(path: Path) -> list[Conversation]:
    conversations = []
    for line, content in read_lines("SST", path):
        score, _, sentence = content.partition(" ")
        if score not in ("0", "1", "2", "3", "4") or not sentence.strip():
            raise CorpusError(f"SST: {path} line {line} is not a class from 0 to 4 and a sentence")
        utterance = Utterance(
            f"{path.name}:{line}",
            detokenize(sentence),
            LABELS[int(score)],
            sentiment=_SENTIMENTS[int(score)],
        )
        conversations.append(Conversation(utterance.id, (utterance,)))
    return conversations
