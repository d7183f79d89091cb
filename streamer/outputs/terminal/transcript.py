"""Draws who said what, and with which emotion: one block of lines a turn."""

from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from streamer.events import TurnPartial
from streamer.outputs.terminal.state import ShownTurn, ViewState
from streamer.outputs.wording import clock, emotion_text, printable, words
from streamer.palette import look


def transcript(state: ViewState, console: Console, width: int, rows: int) -> list[Text]:
    """Draw the latest turns, newest lowest, as many as fit into `rows` lines; the words wrap."""
    lines: list[Text] = []
    for block in _blocks_newest_first(state, console, width):
        lines = block + lines
        if len(lines) >= rows:
            break
    lines = lines[max(len(lines) - rows, 0) :] if rows > 0 else []
    return lines + [Text()] * (rows - len(lines))


def _blocks_newest_first(state: ViewState, console: Console, width: int) -> Iterator[list[Text]]:
    labels = state.started.labels if state.started else []
    emotion_width = min(max((len(label) for label in labels), default=8), 14) + 2
    speakers = {turn.said.speaker for turn in state.turns.values()} | set(state.speaking)
    who_width = min(max((len(who) for who in speakers if who is not None), default=-2), 12) + 2
    if not state.turns and not state.speaking:
        yield [Text("nobody has spoken yet", "dim")]
    for live in sorted(state.speaking.values(), key=lambda event: -event.turn):
        head = _head(live.start_s, live.speaker, who_width)
        seems, heard = "speaking", None
        if isinstance(live, TurnPartial):
            seems, heard = f"{printable(live.emotion)}?", live.text
        head.append(f"… {seems}"[: emotion_width + 6].ljust(emotion_width + 6), "dim")
        yield _hang(head, Text(printable(heard), "italic") if heard else Text(), console, width)
    for turn in reversed(state.turns.values()):
        head = _head(turn.said.start_s, turn.said.speaker, who_width)
        head.append_text(emotion_text(turn.said.emotion, emotion_width))
        head.append(f"{turn.said.confidence:5.0%} ")
        yield _hang(head, _said(turn), console, width)


def _head(start_s: float, speaker: str | None, who_width: int) -> Text:
    who = printable(speaker or "")[: max(who_width - 2, 0)].ljust(who_width)
    return Text.assemble((f"{clock(start_s, tenths=False):>5} ", "dim"), (who, "bold"))


def _said(turn: ShownTurn) -> Text:
    text = words(turn.said.text)
    if turn.was is not None:
        text.append(f"  was {look(turn.was).symbol} {printable(turn.was)}", "dim")
    return text


def _hang(head: Text, body: Text, console: Console, width: int) -> list[Text]:
    """Wrap the body to the right of its head."""
    room = max(width - head.cell_len - 1, 10)
    first, *others = list(body.wrap(console, room)) or [Text()]
    indent = " " * (head.cell_len + 1)
    return [Text.assemble(head, " ", first), *(Text.assemble(indent, line) for line in others)]
