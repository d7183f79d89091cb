"""The loop that recognisers fall into on sounds they do not know: one phrase, over and over."""

from collections.abc import Sequence

LONGEST_PHRASE = 12
"""Words in the longest phrase looked for."""

MOST_WORDS_ALIKE = 6
"""People do say "no, no, no, no": so many of one word in a row are believed."""

MOST_PHRASES_ALIKE = 3
"""So many repetitions in a row of a phrase of two or more words are believed."""


def text_without_loops(text: str) -> str:
    """The same for words with case and punctuation; "" where there is no letter or digit among them."""
    words = text.split()
    keys = ["".join(filter(str.isalnum, word)).lower() for word in words]
    return " ".join(without_loops(words, keys)) if any(keys) else ""


def without_loops(words: Sequence[str], keys: Sequence[str] | None = None) -> list[str]:
    """Take out improbable repetitions.

    A phrase repeated more often in a row than people do is kept once. Where such loops make more than half
    of the words, none of them are believed.

    Args:
        words: the words of one turn, in order.
        keys: what to compare in place of each word (lower case, without punctuation); the words themselves
            by default.

    Returns:
        The words left, in order; none where the turn is mostly a loop.
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
    """Phrase length and repetitions of the loop that starts here; (1, 1) where there is none."""
    for length in range(1, min(LONGEST_PHRASE, (len(keys) - start) // 2) + 1):
        phrase = keys[start : start + length]
        times = 1
        while keys[start + times * length : start + (times + 1) * length] == phrase:
            times += 1
        if times > (MOST_WORDS_ALIKE if length == 1 else MOST_PHRASES_ALIKE):
            return length, times
    return 1, 1
