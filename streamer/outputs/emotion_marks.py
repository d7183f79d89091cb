"""How each emotion looks: a colour that holds for colour-blind people, and a symbol for where there is none.

Colours: Okabe & Ito, "Color Universal Design" (2008).
"""

from dataclasses import dataclass
from zlib import crc32

ORANGE, SKY_BLUE, GREEN, YELLOW = "#E69F00", "#56B4E9", "#009E73", "#F0E442"
VERMILLION, PURPLE, GREY = "#D55E00", "#CC79A7", "#999999"


@dataclass(frozen=True, slots=True)
class Mark:
    """The look of an emotion: one character, one cell wide, and its colour."""

    symbol: str
    colour: str


_NEUTRAL = Mark("○", GREY)
_JOY = Mark("▲", ORANGE)
_SADNESS = Mark("▼", SKY_BLUE)
_ANGER = Mark("◆", VERMILLION)
_SURPRISE = Mark("✦", YELLOW)
_FEAR = Mark("≈", PURPLE)
_DISGUST = Mark("✗", GREEN)

_MARKS = {
    "neutral": _NEUTRAL,
    "calm": _NEUTRAL,
    "joy": _JOY,
    "happy": _JOY,
    "happiness": _JOY,
    "happy+excited": _JOY,
    "positive": _JOY,
    "sadness": _SADNESS,
    "sad": _SADNESS,
    "anger": _ANGER,
    "angry": _ANGER,
    "negative": _ANGER,
    "surprise": _SURPRISE,
    "surprised": _SURPRISE,
    "excited": _SURPRISE,
    "fear": _FEAR,
    "fearful": _FEAR,
    "disgust": _DISGUST,
    "frustrated": _DISGUST,
    "frustration": _DISGUST,
}
_OTHERS = [Mark(symbol, colour) for symbol in "●■★◇" for colour in (SKY_BLUE, ORANGE, GREEN, PURPLE, YELLOW)]


def mark(emotion: str) -> Mark:
    """The mark of an emotion; one nobody has heard of always gets the same."""
    name = emotion.lower()
    return _MARKS.get(name) or _OTHERS[crc32(name.encode()) % len(_OTHERS)]
