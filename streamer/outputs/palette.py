"""The look of each emotion in every view: a symbol, and colours that colour-blind people can distinguish.

The hues are those of Okabe & Ito, "Color Universal Design" (2008). Their lightness was adjusted for each
background until all pairs are distinguishable with protanopia, deuteranopia and tritanopia (Machado et al.,
2009) and the contrast suffices (WCAG 2.2). The symbols distinguish emotions without colour.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from zlib import crc32


@dataclass(frozen=True, slots=True)
class Look:
    """The look of an emotion. Colours are "#RRGGBB".

    Attributes:
        symbol: one character, one cell wide.
        colour: for bars and symbols on any background, light or dark (contrast at least 3:1 on both).
        on_light: for text and lines on white or nearly white (at least 4.5:1).
        on_dark: for text and lines on #1E1E1E or darker (at least 4.5:1).
        ansi: name of the nearest of the 16 colours that every terminal has and its user can choose.
    """

    symbol: str
    colour: str
    on_light: str
    on_dark: str
    ansi: str


_NEUTRAL = Look("○", "#6B6B67", "#565350", "#918D88", "bright_black")
_JOY = Look("▲", "#8B6314", "#754D0E", "#FFC730", "yellow")
_SADNESS = Look("▼", "#2C78C1", "#154473", "#8FDBFF", "blue")
_ANGER = Look("◆", "#E26A50", "#BB4F23", "#F0591C", "red")
_SURPRISE = Look("✦", "#6A9200", "#3A4500", "#F9FABC", "cyan")
_FEAR = Look("≈", "#BC3BA0", "#A3479B", "#E66BDA", "magenta")
_DISGUST = Look("✗", "#4EA293", "#1B7A58", "#86C195", "green")

PLEASANT = _JOY
"""Colour of valence above zero."""
UNPLEASANT = _SADNESS
"""Colour of valence below zero: orange and blue are the pair that everyone can distinguish."""
ALARM = _ANGER
"""Colour of faults: a level that is too high, a lost connection."""
GOOD = _DISGUST
"""Colour of normal states: a level, a connection."""

_NAMES = {
    "neutral calm": _NEUTRAL,
    "joy happy happiness happy+excited positive": _JOY,
    "sadness sad negative": _SADNESS,
    "anger angry": _ANGER,
    "surprise surprised excited excitement": _SURPRISE,
    "fear fearful": _FEAR,
    "disgust frustrated frustration": _DISGUST,
}
_KNOWN = {name: look for names, look in _NAMES.items() for name in names.split()}
_RESERVE = [
    replace(hue, symbol=symbol)
    for symbol in "●■★◇□☆◐◉"
    for hue in (_SADNESS, _JOY, _FEAR, _DISGUST, _ANGER, _SURPRISE, _NEUTRAL)
]


def looks(labels: Iterable[str]) -> dict[str, Look]:
    """The looks of all emotions of a bundle; up to 63 are all different.

    Unknown labels get a look from a reserve, chosen by their name: the same one in every run and every
    bundle, unless two labels of a bundle collide.
    """
    found: dict[str, Look] = {}
    for label in labels:
        if label not in found:
            found[label] = _free(label, set(found.values()))
    return found


def look(label: str) -> Look:
    """The look of one emotion, independent of a bundle's other emotions."""
    return _free(label, set())


def _free(label: str, taken: set[Look]) -> Look:
    name = label.casefold().strip()
    first = crc32(name.encode("utf-8", "replace")) % len(_RESERVE)
    wanted = [*([_KNOWN[name]] if name in _KNOWN else []), *_RESERVE[first:], *_RESERVE[:first]]
    return next((one for one in wanted if one not in taken), wanted[0])
