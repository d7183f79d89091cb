"""Parses the keys that a terminal sends."""

import codecs
import re

_SEQUENCE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]"  # CSI: arrows, function keys, mouse (ECMA-48, 5.4)
    r"|O[ -~]"  # SS3: arrows and F1 to F4 of keypads
    r"|[P\]X^_][^\x07\x1b]*(?:\x07|\x1b\\)"  # strings: answers of the terminal
    r"|[ -~])"  # Alt and a key
)
_UNFINISHED = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|O|[P\]X^_][^\x07\x1b]{0,200}\x1b?)$")
_NAMES = {"\t": "tab", "\x0c": "redraw", "\x1b": "escape"}


class Keys:
    """Parses bytes, in any pieces, to keys: characters, "tab", "escape" and "redraw" (Ctrl-L).

    Unused keys (arrows, function keys) are dropped as a whole, so that no part of them is read as a letter.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""

    def feed(self, data: bytes) -> list[str]:
        """Add bytes; returns the keys that are complete."""
        text = self._rest + self._decoder.decode(data)
        unfinished = _UNFINISHED.search(text)
        self._rest = text[unfinished.start() :] if unfinished else ""
        text = _SEQUENCE.sub("", text[: len(text) - len(self._rest)])
        return [_NAMES.get(key, key) for key in text]
