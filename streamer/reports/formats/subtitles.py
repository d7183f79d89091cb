"""SubRip (.srt) and WebVTT (.vtt): a cue for each turn, `[emotion] speaker: words`; several for a long one
whose words have times.

SubRip has no specification; this follows players. WebVTT: https://www.w3.org/TR/webvtt1/.
"""

import re
from itertools import chain

from streamer.outputs.palette import looks
from streamer.reports.record import Record, Turn, end_ms, start_ms
from streamer.reports.timed_words import in_pieces
from streamer.reports.wording import caption, identifiers, one_line

_MARKUP = re.compile(r"<(?=[/a-zA-Z])|\{(?=\\)|--(?=>)")
_WORD_JOINER = "\u2060"


def to_srt(record: Record) -> str:
    """SubRip: an invisible word joiner prevents players from reading text as markup."""
    cues = (
        f"{number}\n{_clock(start_ms(turn), ',')} --> {_clock(end_ms(turn), ',')}\n"
        f"{_MARKUP.sub(lambda found: found[0] + _WORD_JOINER, caption(turn))}\n"
        for number, turn in enumerate(chain.from_iterable(map(in_pieces, record.turns)), start=1)
    )
    return "\n".join(cues)


def to_vtt(record: Record) -> str:
    """WebVTT: speakers as voice spans, emotions as classes with their colours."""
    classes = identifiers(record.labels)
    style = "\n".join(
        f"::cue(.{classes[label]}) {{ color: {look.on_dark} }}"
        for label, look in looks(record.labels).items()
    )
    head = ["WEBVTT", *([f"STYLE\n{style}"] if style else [])]
    cues = (
        f"{turn.turn}{f'-{number}' if number > 1 else ''}\n"
        f"{_clock(start_ms(piece), '.')} --> {_clock(end_ms(piece), '.')}\n{_spans(piece, classes)}"
        for turn in record.turns
        for number, piece in enumerate(in_pieces(turn), start=1)
    )
    return "\n\n".join([*head, *cues]) + "\n"


def _spans(turn: Turn, classes: dict[str, str]) -> str:
    words = _escaped(turn.text or "")
    emotion = f"<c.{classes[turn.emotion]}>[{_escaped(turn.emotion)}]</c>"
    said = f"{emotion} {words}" if words else emotion
    voice = _escaped(turn.speaker or "")
    return f"<v {voice}>{said}</v>" if voice else said


def _escaped(text: str) -> str:
    return one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _clock(ms: int, decimal: str) -> str:
    seconds, ms = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{decimal}{ms:03d}"
