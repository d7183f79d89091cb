"""The export formats, and their file name endings."""

from enum import StrEnum
from pathlib import Path

from streamer.errors import InputError


class Format(StrEnum):
    """An export format."""

    SRT = "srt"
    VTT = "vtt"
    RTTM = "rttm"
    CSV = "csv"
    EMOTIONML = "emotionml"
    AUDACITY = "audacity"
    EAF = "eaf"
    HTML = "html"


_ENDINGS = {
    ".srt": Format.SRT,
    ".vtt": Format.VTT,
    ".rttm": Format.RTTM,
    ".csv": Format.CSV,
    ".emotionml": Format.EMOTIONML,
    ".xml": Format.EMOTIONML,
    ".txt": Format.AUDACITY,
    ".eaf": Format.EAF,
    ".html": Format.HTML,
    ".htm": Format.HTML,
}

WITH_SOUND = {Format.EMOTIONML, Format.EAF, Format.HTML}
"""Formats that use the recording, if it is given."""

OF_SEVERAL = {Format.RTTM, Format.CSV}
"""Formats that can contain several sessions: each line names its session."""


def format_of(out: str) -> Format:
    """The format of a file name's ending.

    Raises:
        InputError: the ending is unknown.
    """
    ending = Path(out).suffix.lower()
    if ending not in _ENDINGS:
        raise InputError(
            f"which format is {out} to be? Give --to {'|'.join(Format)}, or an --out such as call.srt"
        )
    return _ENDINGS[ending]
