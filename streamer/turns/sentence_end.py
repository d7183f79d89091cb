"""Whether a sentence is complete, by the recognised words."""

import re

_END_MARKS = frozenset(".?!。？！")

_FILLERS = frozenset(("um", "uh", "uhm", "umm", "uhh", "er", "erm", "hmm", "eh"))
"""Filled pauses, by which a speaker keeps the turn."""

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


class SentenceJudge:
    """Judges sentences by the words of recognisers, which show with time whether they write punctuation."""

    def __init__(self) -> None:
        self._punctuating: set[str | None] = set()

    def finished(self, words: str, recogniser: str | None) -> bool | None:
        """Whether the last sentence is complete (see `sentence_finished`).

        Args:
            words: as recognised.
            recogniser: its name.
        """
        if not _END_MARKS.isdisjoint(words):
            self._punctuating.add(recogniser)
        return sentence_finished(words, punctuated=recogniser in self._punctuating)


def sentence_finished(words: str, *, punctuated: bool = True) -> bool | None:
    """Whether the last sentence is complete, by its last word and the punctuation.

    Args:
        words: as recognised; "" where there are none.
        punctuated: whether the recogniser writes punctuation: words without an end mark then go on.

    Returns:
        None where it can't be told: there are no words, or they come without punctuation, and the last one is
        no filled pause.
    """
    text = words.strip().replace("’", "'").rstrip("\"')]}»”")
    spoken = _WORD.findall(text.lower())
    if not spoken:
        return None
    if spoken[-1] in _FILLERS or text.endswith(".."):
        return False
    return text[-1] in _END_MARKS if punctuated else None
