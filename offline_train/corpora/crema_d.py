"""CREMA-D (Cao et al., IEEE TAC 2014): 91 actors of many ages and origins, twelve sentences, six emotions."""

import re
from pathlib import Path

from offline_train.corpora.clips import ClipCorpus, Spoken

_EMOTIONS = {
    "NEU": "neutral",
    "HAP": "happy",
    "SAD": "sad",
    "ANG": "anger",
    "FEA": "fear",
    "DIS": "disgust",
}
_TEXTS = {
    "IEO": "It's eleven o'clock.",
    "TIE": "That is exactly what happened.",
    "IOM": "I'm on my way to the meeting.",
    "IWW": "I wonder what this is about.",
    "TAI": "The airplane is almost full.",
    "MTI": "Maybe tomorrow it will be cold.",
    "IWL": "I would like a new alarm clock.",
    "ITH": "I think I have a doctor's appointment.",
    "DFA": "Don't forget a jacket.",
    "ITS": "I think I've seen this before.",
    "TSI": "The surface is slick.",
    "WSI": "We'll stop in a couple of minutes.",
}
_INTENSITIES = "LO|MD|HI|XX?"  # one published file, 1040_ITH_SAD_X.wav, has one X
_NAME = re.compile(rf"(1\d\d\d)_({'|'.join(_TEXTS)})_({'|'.join(_EMOTIONS)})_({_INTENSITIES})")


def _parse(path: Path) -> Spoken | None:
    if (match := _NAME.fullmatch(path.stem)) is None:
        return None
    return Spoken(_EMOTIONS[match[3]], match[1], _TEXTS[match[2]])


CREMA_D = ClipCorpus(
    name="crema-d",
    title="CREMA-D",
    layout="actor_sentence_emotion_intensity such as 1001_DFA_ANG_XX.wav",
    parse=_parse,
    silent=frozenset({"1076_MTI_SAD_XX"}),
)
