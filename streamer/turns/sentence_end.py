"""Estimates from the recognised words whether a sentence is complete."""

import math
import re
from functools import cache
from typing import Any

_BASE = 1.0001
"""Base of pocketsphinx's logarithms of probabilities."""

_MID, _SLOPE = -2.58, 1.2
"""The value of ln P(end of sentence | the last two words) that is neutral, and the weight of a nat above it.
From a logistic regression on MELD's training utterances, whole ones against ones cut at a random word."""

_MOST = 3.0
"""Limit of the evidence; on MELD's test utterances it lies between -2.9 and 2.1."""

_ENDING_MARKS = {
    **dict.fromkeys("?!？！", 3.0),
    **dict.fromkeys(".。", 1.0),
    **dict.fromkeys(",;:-–—…、，；：", -3.0),
}
"""Evidence of the final punctuation. A full stop is weak: recognisers add one wherever the sound ends."""

_NO_MARK = -2.0
"""Evidence of missing punctuation, from a recogniser that writes punctuation."""

_FILLERS = frozenset(("um", "uh", "uhm", "umm", "uhh", "er", "erm", "hmm", "eh"))
"""Filled pauses, by which a speaker keeps the turn. The language model lacks them."""

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


def evidence_of_end(words: str) -> float:
    """Estimate whether an utterance is complete, from its last words and its punctuation, if any.

    The model of last words is English; in other languages only the punctuation counts.

    Args:
        words: as recognised, with or without capitals and punctuation; "" where there are none.

    Returns:
        The log-likelihood ratio (in nats, -3 to 3) of a complete against an incomplete sentence; 0 without
        evidence.
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
    """Load the language model now (27 MB, about 40 ms), not at the first words."""
    _language_model()


def _ln_probability_of_end(last: list[str]) -> float:
    """ln P(end of sentence | these at most two words), in nats."""
    return float(_language_model().prob(["</s>", *reversed(last)])) * math.log(_BASE)


@cache
def _language_model() -> Any:
    """The English trigram model that comes with pocketsphinx; shared by all streams."""
    from pocketsphinx import NGramModel, get_model_path

    return NGramModel.readfile(get_model_path("en-us/en-us.lm.bin"))
