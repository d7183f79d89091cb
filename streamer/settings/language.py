"""The setting of what language is spoken."""

import re
from typing import Annotated

from pydantic import AfterValidator

AUTO = "auto"
_TAG = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*")


def _auto_or_tag(value: str) -> str:
    if value != AUTO and not _TAG.fullmatch(value):
        raise ValueError(f"give auto, or the code of a language such as en or de, not {value[:20]!r}")
    return value


Language = Annotated[str, AfterValidator(_auto_or_tag)]
"""A BCP 47 code, or "auto": detected for every turn."""


def primary(language: str) -> str:
    """The primary language: "en" of "en-GB" or "en_GB"."""
    return language.replace("_", "-").partition("-")[0].lower()
