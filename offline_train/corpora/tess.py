"""TESS (Pichora-Fuller & Dupuis, 2020): two women, a younger and an older, say "Say the word ..."."""

import re
from pathlib import Path

from offline_train.corpora.clips import ClipCorpus, Spoken

# One published file, OA_bite_neutral.wav, lacks the F.
_NAME = re.compile(r"(OA|YA)F?_(\w+)_(neutral|happy|sad|angry|ps|fear|disgust)")


def _parse(path: Path) -> Spoken | None:
    if (match := _NAME.fullmatch(path.stem)) is None:
        return None
    speaker, word, emotion = match.groups()
    return Spoken(
        "pleasant surprise" if emotion == "ps" else emotion, f"{speaker}F", f"Say the word {word.lower()}."
    )


TESS = ClipCorpus("tess", "TESS", "SPEAKER_word_emotion.wav", _parse, speakers=("OAF", "YAF"))
