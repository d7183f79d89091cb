"""The formats there are, and which of them a file's name asks for."""

from enum import StrEnum
from pathlib import Path

from streamer.errors import InputError


class Format(StrEnum):
    """What a session can be exported to."""

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
"""These say something of the recording where it is given."""

OF_SEVERAL = {Format.RTTM, Format.CSV}
"""These hold several sessions: each line says whose it is."""


def format_of(out: str) -> Format:
    """The format that a file's name asks for.

    Raises:
        InputError: none.
    """
    ending = Path(out).suffix.lower()
    if ending not in _ENDINGS:
        raise InputError(
            f"which format is {out} to be? Give --to {'|'.join(Format)}, or an --out such as call.srt"
        )
    return _ENDINGS[ending]
