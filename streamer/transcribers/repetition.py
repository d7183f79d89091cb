"""Removes repetition loops: on unknown sounds, recognisers repeat one phrase over and over."""

from collections.abc import Sequence

LONGEST_PHRASE = 12
"""Most words of a repeated phrase."""

MOST_WORDS_ALIKE = 6
"""Most repetitions of one word that are accepted: people do say "no, no, no, no"."""

MOST_PHRASES_ALIKE = 3
"""Most repetitions of a phrase of two or more words that are accepted."""


def text_without_loops(text: str) -> str:
    """The same for words with case and punctuation; "" where there is no letter or digit among them."""
    words = text.split()
    keys = ["".join(filter(str.isalnum, word)).lower() for word in words]
    return " ".join(without_loops(words, keys)) if any(keys) else ""


def without_loops(words: Sequence[str], keys: Sequence[str] | None = None) -> list[str]:
    """Remove improbable repetitions.

    A phrase that is repeated more often than people do is kept once. If such loops are more than half of the
    words, no words are kept.

    Args:
        words: the words of one turn, in order.
        keys: the form of each word to compare (lower case, without punctuation); by default the words
            themselves.

    Returns:
        The remaining words, in order; none if the turn is mostly a loop.
    """
    keys = words if keys is None else keys
    kept: list[str] = []
    position = 0
    while position < len(words):
        length, times = _loop_at(keys, position)
        kept += words[position : position + length]
        position += length * times
    return kept if 2 * len(kept) >= len(words) else []


def _loop_at(keys: Sequence[str], start: int) -> tuple[int, int]:
    """Phrase length and repetitions of the loop that starts at `start`; (1, 1) if there is none."""
    for length in range(1, min(LONGEST_PHRASE, (len(keys) - start) // 2) + 1):
        phrase = keys[start : start + length]
        times = 1
        while keys[start + times * length : start + (times + 1) * length] == phrase:
            times += 1
        if times > (MOST_WORDS_ALIKE if length == 1 else MOST_PHRASES_ALIKE):
            return length, times
    return 1, 1
