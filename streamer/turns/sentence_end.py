"""Whether a sentence is over or trails off, judged by the words recognised of it so far."""

import math
import re
from functools import cache
from typing import Any

_BASE = 1.0001
"""pocketsphinx counts probabilities in logarithms to this base."""

_MID, _SLOPE = -2.58, 1.2
"""Where ln P(end of sentence | the last two words) says neither, and how much a nat more of it says. From a
logistic regression on MELD's training utterances, whole against cut at a random word."""

_MOST = 3.0
"""No evidence is stronger; on MELD's test utterances the strongest found is -2.9 and 2.1."""

_ENDING_MARKS = {
    **dict.fromkeys("?!？！", 3.0),
    **dict.fromkeys(".。", 1.0),
    **dict.fromkeys(",;:-–—…、，；：", -3.0),
}
"""What the mark at the end says. A full stop says little: recognisers put one wherever the sound ends."""

_NO_MARK = -2.0
"""What it says when there is none, but the recogniser writes them."""

_FILLERS = frozenset(("um", "uh", "uhm", "umm", "uhh", "er", "erm", "hmm", "eh"))
"""Sounds by which a speaker keeps the turn. The language model has no place for them."""

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


def evidence_of_end(words: str) -> float:
    """Weigh how an utterance ends: by its last words, and by its punctuation if it has any.

    What words may end a sentence is English; in other languages only the punctuation counts.

    Args:
        words: as recognised, with or without capitals and punctuation; "" where there are none.

    Returns:
        The logarithm of how much likelier (in nats, -3 to 3) they are where a sentence is over than where one
        goes on; 0 where nothing tells.
    """
    text = words.strip().replace("’", "'").rstrip("\"')]}»”")
    spoken = _WORD.findall(text.lower())
    if not spoken:
        return 0.0
    if spoken[-1] in _FILLERS:
        return -_MOST
    evidence = _SLOPE * (_ln_probability_of_end(spoken[-2:]) - _MID)
    writes_marks = text != text.lower() or not text[-1].isalnum()
    if writes_marks:
        evidence += -3.0 if text.endswith("..") else _ENDING_MARKS.get(text[-1], _NO_MARK)
    return max(-_MOST, min(_MOST, evidence))


def load_language_model() -> None:
    """Read the language model now (27 MB, some 40 ms), rather than at the first words."""
    _language_model()


def _ln_probability_of_end(last: list[str]) -> float:
    """Of a sentence ending after these words (at most two), in nats."""
    return float(_language_model().prob(["</s>", *reversed(last)])) * math.log(_BASE)


@cache
def _language_model() -> Any:
    """The trigram model of English that comes with pocketsphinx; one for all streams."""
    from pocketsphinx import NGramModel, get_model_path

    return NGramModel.readfile(get_model_path("en-us/en-us.lm.bin"))
