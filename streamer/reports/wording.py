"""Converts words and names to the character sets of other formats."""

import re
from collections.abc import Callable, Iterable

from streamer.reports.record import Turn

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NO_NAME = re.compile(
    "[^-A-Za-z0-9_\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02ff\u0370-\u037d\u037f-\u1fff\u2070-\u218f"
    "\u2c00-\u2fef\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd\U00010000-\U000effff]+"
)
"""Characters that are invalid in XML names (1.0, section 2.3) or CSS class names. Digits are invalid only as
the first character."""


_SHAPING = "\u00ad\u061c\u200c\u200d\u200e\u200f"
"""Invisible characters that words, emoji and right-to-left text need: soft hyphen, joiners, direction
marks."""


def one_line(text: str) -> str:
    """The text without control characters; any white space between words becomes one space."""
    return " ".join("".join(c if c.isprintable() or c in _SHAPING else " " for c in text).split())


def caption(turn: Turn) -> str:
    """A turn in one line: `[joy] agent: the words`; missing parts are left out."""
    who = "" if turn.speaker is None else one_line(turn.speaker)
    said = one_line(turn.text or "")
    return " ".join(filter(None, (f"[{one_line(turn.emotion)}]", f"{who}:" if who and said else who, said)))


def xml_text(text: str) -> str:
    """The text with characters that are invalid in XML 1.0 replaced by U+FFFD."""
    return _NO_XML.sub("\ufffd", text)


def identifiers(names: Iterable[str]) -> dict[str, str]:
    """A unique identifier for each name, of letters, digits, "_" and "-": for XML (NMTOKEN, ID) and CSS.

    Most names stay the same: "joy" -> "joy", but "happy+excited" -> "happy-excited".
    """
    return _told_apart(names, _identifier)


def fields(names: Iterable[str]) -> dict[str, str]:
    """A unique field for each name, without white space: "2024 call.wav" -> "2024_call.wav"."""
    return _told_apart(names, lambda name: "_".join(one_line(name).split()) or "x")


def _identifier(name: str) -> str:
    plain = _NO_NAME.sub("-", name).strip("-") or "x"
    return f"_{plain}" if plain[0].isdigit() else plain


def _told_apart(names: Iterable[str], simplify: Callable[[str], str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in dict.fromkeys(names):
        plain = simplify(name)
        unique, count = plain, 1
        while unique in found.values():
            count += 1
            unique = f"{plain}-{count}"
        found[name] = unique
    return found
