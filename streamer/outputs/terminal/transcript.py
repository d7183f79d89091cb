"""Draws the turns with speaker, emotion and words: one block of lines for each."""

from collections.abc import Iterator
from itertools import islice

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from streamer.events import TurnPartial
from streamer.outputs.session_state import JudgedTurn
from streamer.outputs.terminal.parts import Pen
from streamer.outputs.terminal.state import ViewState
from streamer.outputs.wording import clock, emotion_text, words
from streamer.printable import printable

_HIDDEN = Text("·····", "dim")
_NARROW, _MARGIN = 24, 7


def transcript(state: ViewState, pen: Pen, width: int, rows: int) -> list[Text]:
    """Draw the latest turns that fit into `rows` lines, the newest lowest; words are wrapped."""
    lines: list[Text] = []
    for block in _blocks_newest_first(state, pen, width, rows):
        room = rows - len(lines)
        if room <= 0:
            break
        if len(block) > room:  # its first line names the speaker
            block = [*block[:1], *block[len(block) - room + 1 :]]
        lines = block + lines
    return lines + [Text()] * (rows - len(lines))


def _blocks_newest_first(state: ViewState, pen: Pen, width: int, rows: int) -> Iterator[list[Text]]:
    labels = state.started.labels if state.started else []
    emotion_width = min(max((cell_len(label) for label in labels), default=8), 14, max(width // 5, 0)) + 2
    latest = list(islice(reversed(state.turns.values()), max(rows, 0)))
    speaking = state.speaking_now
    speakers = {turn.said.speaker for turn in latest} | {live.speaker for live in speaking}
    who_width = max((cell_len(printable(who)) for who in speakers if who is not None), default=-1) + 1
    who_width = min(who_width, 13, max(width // 6, 0))
    if not state.turns and not speaking:
        yield [Text("nobody has spoken yet" if state.stream else "no stream yet", "dim")]
    for live in speaking:
        head = _head(live.start_s, live.speaker, who_width)
        seems, said = "speaking", Text()
        if isinstance(live, TurnPartial):
            seems, said = f"{printable(live.emotion)}?", _said_so_far(live, pen)
        head.append(set_cell_size(f"… {seems}", emotion_width + 6), "dim")
        yield _hang(head, said, pen, width)
    marks = sorted(state.marks)
    for turn in latest:
        while marks and marks[-1] >= turn.said.start_s:
            yield _marked(marks.pop())
        head = _head(turn.said.start_s, turn.said.speaker, who_width)
        emotion = emotion_text(turn.said.emotion, state.look(turn.said.emotion), pen.style_of, emotion_width)
        emotion.truncate(emotion_width)
        head.append_text(emotion).append(f"{turn.said.confidence:5.0%} ")
        yield _hang(head, _said(turn, state, pen), pen, width)
    if len(latest) == len(state.turns):
        yield from (_marked(at_s) for at_s in reversed(marks))


def _head(start_s: float, speaker: str | None, who_width: int) -> Text:
    who = set_cell_size(printable(speaker or ""), max(who_width - 1, 0)) + " " * bool(who_width)
    return Text.assemble((f"{clock(start_s, tenths=False):>5} ", "dim"), (who, "bold"))


def _marked(at_s: float) -> list[Text]:
    return [Text.assemble((f"{clock(at_s, tenths=False):>5} ", "dim"), ("▸ marked", "bold"))]


def _said_so_far(live: TurnPartial, pen: Pen) -> Text:
    if not live.text:
        return Text()
    if not pen.words:
        return _HIDDEN
    committed = live.committed or ""
    return Text.assemble(printable(committed), (printable(live.text[len(committed) :]), "dim italic"))


def _said(turn: JudgedTurn, state: ViewState, pen: Pen) -> Text:
    text = words(turn.said.text) if pen.words or not turn.said.text else _HIDDEN.copy()
    if turn.was is not None:
        text.append(f"  was {state.look(turn.was).symbol} {printable(turn.was)}", "dim")
    return text


def _hang(head: Text, body: Text, pen: Pen, width: int) -> list[Text]:
    """Wrap the body to the right of its head, or below it if there is little room."""
    below = width - head.cell_len - 1 < _NARROW
    margin = _MARGIN if below else head.cell_len + 1
    lines = [Text.assemble(" " * margin, line) for line in body.wrap(pen.console, max(width - margin, 10))]
    if below or not lines:
        return [head, *(line for line in lines if body)]
    return [Text.assemble(head, lines[0][margin - 1 :]), *lines[1:]]
