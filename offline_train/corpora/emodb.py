"""Emo-DB (Burkhardt et al., Interspeech 2005): ten German actors, ten sentences, seven emotions."""

import re
from pathlib import Path

from offline_train.corpora.clips import ClipCorpus, Spoken

_EMOTIONS = {
    "N": "neutral",
    "F": "happiness",
    "T": "sadness",
    "W": "anger",
    "A": "fear",
    "E": "disgust",
    "L": "boredom",
}
_TEXTS = {
    "a01": "Der Lappen liegt auf dem Eisschrank.",
    "a02": "Das will sie am Mittwoch abgeben.",
    "a04": "Heute Abend könnte ich es ihm sagen.",
    "a05": "Das schwarze Stück Papier befindet sich da oben neben dem Holzstück.",
    "a07": "In sieben Stunden wird es soweit sein.",
    "b01": "Was sind denn das für Tüten, die da unter dem Tisch stehen?",
    "b02": "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.",
    "b03": "An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht.",
    "b09": "Ich will das eben wegbringen und dann mit Karl was trinken gehen.",
    "b10": "Die wird auf dem Platz sein, wo wir sie immer hinlegen.",
}
_SPEAKERS = ("03", "08", "10", "09", "11", "13", "12", "14", "15", "16")  # a man, a woman, and so on
_NAME = re.compile(rf"({'|'.join(_SPEAKERS)})({'|'.join(_TEXTS)})([{''.join(_EMOTIONS)}])[a-z]?")


def _parse(path: Path) -> Spoken | None:
    if (match := _NAME.fullmatch(path.stem)) is None:
        return None
    return Spoken(_EMOTIONS[match[3]], match[1], _TEXTS[match[2]])


EMODB = ClipCorpus(
    "emodb", "Emo-DB", "SPEAKER-sentence-emotion-version such as 03a01Fa.wav", _parse, speakers=_SPEAKERS
)
