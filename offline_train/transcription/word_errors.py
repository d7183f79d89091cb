"""Word error rate (jiwer), after normalisation."""

import re
from collections.abc import Iterable
from typing import Any

from offline_train.transcription.transcripts import Transcript

_TAG = re.compile(r"\[[^\]]*\]|<[^>]*>")
_JOINT = re.compile(r"[-‐-―/…]|\.\.\.")
_PUNCTUATION = re.compile(r"[^\w\s]|_")


def normalise(text: str) -> str:
    """Lower case without punctuation, words separated by a space.

    Hyphens, dashes and slashes separate words, apostrophes don't; remarks such as [LAUGHTER] are removed.
    """
    bare = _PUNCTUATION.sub("", _JOINT.sub(" ", _TAG.sub(" ", text.lower())))
    return " ".join(bare.split())


def word_errors(transcripts: Iterable[Transcript]) -> dict[str, Any] | None:
    """Word errors of transcripts, over all utterances with a reference.

    Returns:
        "word_error_rate" (errors per word of the references; None if these have no words), "utterances",
        "words", "substitutions", "deletions" and "insertions"; None if there is nothing to compare.
    """
    import jiwer

    pairs = [
        (normalise(each.reference), normalise(each.text))
        for each in transcripts
        if each.reference is not None and each.text is not None
    ]
    if not pairs:
        return None
    counts = jiwer.process_words([said for said, _ in pairs], [heard for _, heard in pairs])
    words = counts.hits + counts.substitutions + counts.deletions
    errors = counts.substitutions + counts.deletions + counts.insertions
    return {
        "word_error_rate": round(errors / words, 4) if words else None,
        "utterances": len(pairs),
        "words": words,
        "substitutions": counts.substitutions,
        "deletions": counts.deletions,
        "insertions": counts.insertions,
    }
