"""Shares of negative, neutral and positive for each emotion, from a corpus, else by the emotion's name."""

from collections import Counter
from collections.abc import Sequence

from offline_train.corpora.corpus import Corpus, Sentiment

_POSITIVE = (
    "admiration amusement approval calm caring content contentment desire excited excitement gratitude"
    " happiness happy hope joy joyful love optimism positive pride relief trust"
)
_NEGATIVE = (
    "anger angry annoyance anxiety contempt disappointment disapproval disgust disgusted embarrassment fear"
    " fearful frustrated frustration grief guilt negative nervousness remorse sad sadness shame"
)
_SURPRISE = "surprise surprised"

BY_NAME: dict[str, dict[Sentiment, float]] = {
    **{name: {"positive": 1.0} for name in _POSITIVE.split()},
    **{name: {"negative": 1.0} for name in _NEGATIVE.split()},
    # MELD's training split has 614 negative and 591 positive surprises.
    **{name: {"negative": 614 / 1205, "positive": 591 / 1205} for name in _SURPRISE.split()},
}
"""Sentiments by emotion in lower case. Other emotions are neutral."""


def sentiments(corpus: Corpus, labels: Sequence[str]) -> dict[str, dict[Sentiment, float]]:
    """For every label, the share of each sentiment, with a sum of 1.

    Shares are counted in the training split, if it has sentiments for a label; other labels go by name.
    """
    said = [
        (utterance.label, utterance.sentiment)
        for conversation in corpus.splits["train"]
        for utterance in conversation.utterances
        if utterance.label and utterance.sentiment
    ]
    pairs, totals = Counter(said), Counter(label for label, _ in said)
    found: dict[str, dict[Sentiment, float]] = {}
    for label in labels:
        if totals[label]:
            kinds: tuple[Sentiment, ...] = ("negative", "neutral", "positive")
            found[label] = {kind: pairs[label, kind] / totals[label] for kind in kinds}
        else:
            found[label] = BY_NAME.get(label.lower(), {"neutral": 1.0})
    return found
