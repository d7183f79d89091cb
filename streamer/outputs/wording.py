"""Texts of plain lines and the live view, made safe to print."""

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from streamer.outputs.palette import Look
from streamer.outputs.terminal_colours import StyleOf
from streamer.printable import printable

_ASCII = str.maketrans("○▲▼◆✦≈✗●■★◇□☆◐◉█▉▊▋▌▍▎▏▄▀▁─│┼·…–→↗↖↙↘", "o^v*!~x@#+&$%=0#####---##_-|+..->/\\/\\")


def emotion_text(emotion: str, seen: Look, style_of: StyleOf, width: int = 0) -> Text:
    """Symbol and name, at least `width` cells wide."""
    name = printable(emotion)
    return Text(
        f"{seen.symbol} {set_cell_size(name, max(cell_len(name), width - 2))}", f"bold {style_of(seen)}"
    )


def words(text: str | None) -> Text:
    """The words of a turn, or the reason why there are none."""
    if text:
        return Text(printable(text))
    return Text("(words withheld)" if text is None else "(no words)", "dim")


def clock(seconds: float, tenths: bool = True) -> str:
    """Seconds as m:ss.t or h:mm:ss.t."""
    whole = int(seconds * 10) / 10 if tenths else int(seconds)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(int(minutes), 60)
    ss = f"{rest:04.1f}" if tenths else f"{int(rest):02d}"
    return f"{hours}:{minutes:02d}:{ss}" if hours else f"{minutes}:{ss}"


def to_encoding(text: str, encoding: str) -> str:
    """Replace characters that an encoding lacks: symbols and blocks by similar ASCII, others by "?"."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_ASCII).encode(encoding, "replace").decode(encoding)
    return text
