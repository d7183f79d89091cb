"""Renders sessions in a format."""

from collections.abc import Sequence

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from streamer.reports.formats import audacity, elan, emotionml, rttm, subtitles, table
from streamer.reports.formats.format import Format
from streamer.reports.record import Record
from streamer.reports.sound import Sound


def render(
    format_: Format,
    records: Sequence[Record],
    sound: Sound | None,
    *,
    link: bool,
) -> bytes:
    """Render sessions in a format.

    Raises:
        InputError: the recording cannot be decoded.
        RunError: the recording cannot be compressed.
    """
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


def _playable(sound: Sound | None, link: bool) -> str | None:
    if sound is None or link:
        return None if sound is None else sound.relative_url
    from streamer.reports.embedding import embedded

    columns = TextColumn("{task.description}", markup=False), BarColumn(), TimeRemainingColumn()
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(f"packing {sound.path.name}", total=None)
        return embedded(sound, lambda done_s, all_s: bar.update(task, completed=done_s, total=all_s))
