"""Cleans the words of any recogniser for publication."""

import re
from dataclasses import replace

from streamer.transcribers.base import Transcript

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|.)?", re.DOTALL)
"""Terminal control (ECMA-48): control sequences, operating system commands, single-character escapes."""

_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]")
"""Control characters other than white space, and characters that change the text direction."""


def clean_words(text: str) -> str:
    """The text without control characters and with single spaces; lone surrogates become U+FFFD."""
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return " ".join(_CONTROLS.sub("", _ESCAPES.sub("", whole)).split())


def cleaned(said: Transcript) -> Transcript:
    """The transcript with all its texts cleaned."""
    return replace(
        said,
        text=clean_words(said.text),
        translation=clean_words(said.translation or "") or None,
        words=tuple(replace(word, text=clean_words(word.text)) for word in said.words),
    )
