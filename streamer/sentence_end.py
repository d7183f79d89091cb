"""Whether what was recognised so far is a finished sentence, or trails off."""

import re
from typing import Literal

Ending = Literal["finished", "unclear", "unfinished"]


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_CONTINUING = _set(
    # conjunctions and what opens a clause
    "and or but nor because cause cuz if unless although though whereas while until till since whether than "
    # articles, possessives, and what else stands before a noun
    "the a an my your our their its every each "
    # prepositions that seldom end a sentence, and are no particles of verbs
    "of from with into onto upon at for to during between among without against toward towards per via "
    # pronouns that are subjects, alone and contracted
    "i he she we they who i'm i'll i've i'd he's he'll he'd she's she'll she'd we're we'll we've we'd "
    "they're they'll they've they'd you're you'll you've you'd it's it'll that's there's what's who's "
    "where's how's let's gonna wanna gotta "
    # fillers
    "um uh uhm erm er hmm eh ah like so well very really quite"
)
"""Words after which a sentence goes on."""

_AUXILIARIES = _set(
    "am is are was were be been being will would can could shall should may might must do does did has have "
    "had"
)
"""These leave a sentence open, but for short answers ("yes I do")."""

_SUBJECTS = _set("i you he she it we they that this there")

_CONTINUING_PHRASES = (
    "i think that",
    "i think",
    "i mean",
    "i guess",
    "i said",
    "you know",
    "kind of",
    "sort of",
    "such as",
    "a lot of",
    "as well as",
    "in order",
    "even if",
    "so that",
)
"""Phrases after which a sentence goes on, though their last word by itself would not say so."""

_QUESTION_WORDS = _set("what who whom which where how when why")

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


def judge_ending(words: str) -> Ending:
    """Judge how an English utterance ends, by its last words and its punctuation if it has any.

    A full stop after a word that leaves the sentence open is not believed: recognisers that punctuate put one
    wherever the sound ends. In other languages only the punctuation speaks.

    Args:
        words: as recognised; with or without capitals and punctuation. "" where there are none.

    Returns:
        "finished" after a mark that ends a sentence, "unfinished" after one that doesn't or after a word
        that leaves the sentence open, "unclear" where nothing tells.
    """
    text = words.strip().replace("’", "'")
    spoken = _WORD.findall(text.lower())
    if not spoken:
        return "unclear"
    mark = text.rstrip("\"')]}»”")[-1:]
    if mark in "?!？！":
        return "finished"
    if mark in ",;:-–—…、，" or text.endswith("..."):
        return "unfinished"
    if _left_open(spoken):
        return "unfinished"
    return "finished" if mark in ".。" else "unclear"


def _left_open(spoken: list[str]) -> bool:
    last = spoken[-1]
    ending = " ".join(spoken[-3:])
    if any(ending == phrase or ending.endswith(" " + phrase) for phrase in _CONTINUING_PHRASES):
        return True
    asks = spoken[0] in _QUESTION_WORDS
    if last in _AUXILIARIES:
        return not asks and (len(spoken) < 2 or spoken[-2] not in _SUBJECTS)
    return last in _CONTINUING and not asks
