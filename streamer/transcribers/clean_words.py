"""Words as they may be told, whatever a recogniser makes of them."""

import re

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|.)?", re.DOTALL)
"""Of terminals (ECMA-48): control sequences, operating system commands, and others of one character."""

_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]")
"""Control characters that are no white space, and such as turn the direction of what follows."""


def clean_words(text: str) -> str:
    """The text without control characters and with single spaces; half a character becomes U+FFFD."""
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return " ".join(_CONTROLS.sub("", _ESCAPES.sub("", whole)).split())
