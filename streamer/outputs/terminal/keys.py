"""What a terminal sends for keys, told apart."""

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
    """Makes keys of bytes, however they are cut: characters, and "tab", "escape" and "redraw" (Ctrl-L).

    Keys that mean nothing here (arrows, function keys) are left out whole, so that no part of them is taken
    for a letter.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""

    def feed(self, data: bytes) -> list[str]:
        """The keys that are complete with these bytes."""
        text = self._rest + self._decoder.decode(data)
        unfinished = _UNFINISHED.search(text)
        self._rest = text[unfinished.start() :] if unfinished else ""
        text = _SEQUENCE.sub("", text[: len(text) - len(self._rest)])
        return [_NAMES.get(key, key) for key in text]
