"""Whether a sentence is complete, by the recognised words."""

import re

_END_MARKS = frozenset(".?!。？！")

_FILLERS = frozenset(("um", "uh", "uhm", "umm", "uhh", "er", "erm", "hmm", "eh"))
"""Filled pauses, by which a speaker keeps the turn."""

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


def sentence_finished(words: str) -> bool | None:
    """Whether the last sentence is complete, by its last word and the punctuation.

    Args:
        words: as recognised; "" where there are none.

    Returns:
        None where it can't be told: there are no words, or they come without capitals and punctuation, and
        the last one is no filled pause.
    """
    text = words.strip().replace("’", "'").rstrip("\"')]}»”")
    spoken = _WORD.findall(text.lower())
    if not spoken:
        return None
    if spoken[-1] in _FILLERS or text.endswith(".."):
        return False
    writes_marks = text != text.lower() or not text[-1].isalnum()
    return text[-1] in _END_MARKS if writes_marks else None
