"""SAVEE (Haq & Jackson, 2010): four Englishmen, 15 sentences in each of seven emotions, 30 neutral."""

import re
from pathlib import Path

from offline_train.corpora.clips import ClipCorpus, Spoken

_EMOTIONS = {
    "a": "anger",
    "d": "disgust",
    "f": "fear",
    "h": "happiness",
    "n": "neutral",
    "sa": "sadness",
    "su": "surprise",
}
_SPEAKERS = ("DC", "JE", "JK", "KL")
_NAME = re.compile(rf"({'|'.join(_SPEAKERS)})_({'|'.join(_EMOTIONS)})\d\d")


def _parse(path: Path) -> Spoken | None:
    # As published, a speaker's files lie in a folder of the speaker's name, DC/a01.wav.
    name = path.stem if "_" in path.stem else f"{path.parent.name}_{path.stem}"
    if (match := _NAME.fullmatch(name)) is None:
        return None
    return Spoken(_EMOTIONS[match[2]], match[1], id=name)


SAVEE = ClipCorpus("savee", "SAVEE", "SPEAKER_{a,d,f,h,n,sa,su}NN.wav", _parse, speakers=_SPEAKERS)
