"""Word error rate (jiwer), after normalisation."""

import re
from collections.abc import Iterable
from typing import Any

from offline_train.transcription.transcripts import Transcript

_TAG = re.compile(r"\[[^\]]*\]|<[^>]*>")
_JOINT = re.compile(r"[-‐-―/…]|\.\.\.")
_PUNCTUATION = re.compile(r"[^\w\s]|_")


def normalise(text: str) -> str:
    """Lower case without punctuation, words a space apart.

    Hyphens, dashes and slashes part words, apostrophes don't; remarks such as [LAUGHTER] are no words.
    """
    bare = _PUNCTUATION.sub("", _JOINT.sub(" ", _TAG.sub(" ", text.lower())))
    return " ".join(bare.split())


def word_errors(transcripts: Iterable[Transcript]) -> dict[str, Any] | None:
    """Judge transcripts by their references, over all utterances that have both.

    Returns:
        "word_error_rate" (errors by words of the references; None where these have no word), "utterances",
        "words", "substitutions", "deletions" and "insertions"; None where there is nothing to compare.
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
