"""The export formats, and their file name endings."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from streamer.errors import InputError

if TYPE_CHECKING:
    from streamer.reports.record import Record
    from streamer.reports.sound import Sound


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


def render(
    format_: Format,
    records: "Sequence[Record]",
    sound: "Sound | None",
    *,
    link: bool,
) -> bytes:
    """Render sessions in a format.

    Raises:
        InputError: the recording cannot be decoded.
        RunError: the recording cannot be compressed.
    """
    from streamer.reports.formats import audacity, elan, emotionml, rttm, subtitles, table

    match format_:
        case Format.RTTM:
            return rttm.to_rttm(records).encode()
        case Format.CSV:
            return table.to_csv(records).encode()
    [record] = records
    match format_:
        case Format.SRT:
            return subtitles.to_srt(record).encode()
        case Format.VTT:
            return subtitles.to_vtt(record).encode()
        case Format.AUDACITY:
            return audacity.to_audacity(record).encode()
        case Format.EMOTIONML:
            return emotionml.to_emotionml(record, sound)
        case Format.EAF:
            return elan.to_eaf(record, sound)
        case Format.HTML:
            from streamer.reports.formats.html import to_html

            return to_html(record, _playable(sound, link)).encode()


def _playable(sound: "Sound | None", link: bool) -> str | None:
    if sound is None or link:
        return None if sound is None else sound.relative_url
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from streamer.reports.embedding import embedded

    columns = TextColumn("{task.description}", markup=False), BarColumn(), TimeRemainingColumn()
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(f"packing {sound.path.name}", total=None)
        return embedded(sound, lambda done_s, all_s: bar.update(task, completed=done_s, total=all_s))
