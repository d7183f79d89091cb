"""The seven emotions of our models, which are MELD's, and what every corpus calls them."""

from collections.abc import Sequence

EMOTIONS = ("neutral", "joy", "sadness", "anger", "surprise", "fear", "disgust")

TABLE: dict[str, tuple[str, ...]] = {
    "meld": (*EMOTIONS, ""),
    "iemocap": ("neutral", "happy", "sad", "angry", "", "", "", ""),
    "iemocap6": ("neutral", "happy, excited", "sad", "angry", "", "", "", "frustrated"),
    "msp-podcast": ("neutral", "happiness", "sadness", "anger", "surprise", "fear", "disgust", "contempt"),
    "ravdess": ("neutral, calm", "happy", "sad", "angry", "surprised", "fearful", "disgust", ""),
    "tess": ("neutral", "happy", "sad", "angry", "pleasant surprise", "fear", "disgust", ""),
    "savee": ("neutral", "happiness", "sadness", "anger", "surprise", "fear", "disgust", ""),
    "emodb": ("neutral", "happiness", "sadness", "anger", "", "fear", "disgust", "boredom"),
    "nemo": ("neutral", "happiness", "sadness", "anger", "surprised", "fear", "", ""),
    "crema-d": ("neutral", "happy", "sad", "anger", "", "fear", "disgust", ""),
    "librispeech": ("neutral", "", "", "", "", "", "", ""),
    "dailydialog": ("neutral", "happiness", "sadness", "anger", "surprise", "fear", "disgust", ""),
    "goemotions": (
        *EMOTIONS,
        "admiration, amusement, annoyance, approval, caring, confusion, curiosity, desire, disappointment,"
        " disapproval, embarrassment, excitement, gratitude, grief, love, nervousness, optimism, pride,"
        " realization, relief, remorse",
    ),
}
"""By corpus: what it calls each of `EMOTIONS`, and last what is left out, since none of the seven is it.

Names are separated by commas. Corpora of clips are read with our names, and what is left out has no label
there; the others keep their own. docs/training.md has the same table.
"""


def emotions_of(corpus: str) -> dict[str, str | None]:
    """Our emotion by the corpus' own name; None for what is left out."""
    return {
        name: ours
        for names, ours in zip(TABLE[corpus], (*EMOTIONS, None), strict=True)
        for name in names.split(", ")
        if name
    }


_BY_NAME = {name: ours for corpus in TABLE for name, ours in emotions_of(corpus).items()}


def emotion_named(name: str) -> str | None:
    """Our emotion by the name that any corpus has for it; None for what is none of ours, or unknown."""
    return _BY_NAME.get(name)


def synonyms(labels: Sequence[str]) -> dict[str, str]:
    """One of `labels` by each name that any corpus has for the same emotion, its own included.

    Of two labels for one emotion, the first stands for the other corpora's names.
    """
    own = {emotion_named(label): label for label in reversed(labels)}
    return {name: own[ours] for name, ours in _BY_NAME.items() if ours and ours in own} | {
        label: label for label in labels
    }
