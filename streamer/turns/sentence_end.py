"""Estimates from the recognised words whether a sentence is complete."""

import re

_MOST = 3.0
"""Limit of the evidence."""

_ENDING_MARKS = {
    **dict.fromkeys("?!？！", 3.0),
    **dict.fromkeys(".。", 1.0),
    **dict.fromkeys(",;:-–—…、，；：", -3.0),
}
"""Evidence of the final punctuation. A full stop is weak: recognisers add one wherever the sound ends."""

_NO_MARK = -2.0
"""Evidence of missing punctuation, from a recogniser that writes punctuation."""

_FILLERS = frozenset(("um", "uh", "uhm", "umm", "uhh", "er", "erm", "hmm", "eh"))
"""Filled pauses, by which a speaker keeps the turn."""

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


def evidence_of_end(words: str) -> float:
    """Estimate whether an utterance is complete, from its last word and its punctuation.

    Args:
        words: as recognised; "" where there are none. Without capitals and punctuation only a filled pause
            counts.

    Returns:
        The log-likelihood ratio (in nats, -3 to 3) of a complete against an incomplete sentence; 0 without
        evidence.
    """
    text = words.strip().replace("’", "'").rstrip("\"')]}»”")
    spoken = _WORD.findall(text.lower())
    if not spoken:
        return 0.0
    if spoken[-1] in _FILLERS or text.endswith(".."):
        return -_MOST
    writes_marks = text != text.lower() or not text[-1].isalnum()
    return _ENDING_MARKS.get(text[-1], _NO_MARK) if writes_marks else 0.0
