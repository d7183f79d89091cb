"""Events as plain lines, one for each turn: for pipes, logs, and terminals too small for the live view."""

from rich.console import Console
from rich.text import Text

from streamer import events
from streamer.events import Event
from streamer.outputs.base import Output
from streamer.outputs.console import print_line
from streamer.outputs.palette import looks
from streamer.outputs.terminal_colours import StyleOf, style_for
from streamer.outputs.wording import clock, emotion_text, words
from streamer.printable import printable


class Lines(Output):
    """Prints a line for every turn, and for other events that matter to a reader."""

    def __init__(self, console: Console, *, name_streams: bool = False) -> None:
        self._console = console
        self._style_of = style_for(console)
        self._name_streams = name_streams
        self._emotions: dict[str, dict[int, str]] = {}

    async def send(self, event: Event) -> None:
        """Print the event, if it is of a kind that is printed."""
        line = self._line(event)
        if line is None:
            return
        if self._name_streams:
            line = Text.assemble((f"{event.stream}  ", "bold"), line)
        print_line(self._console, line)

    def _line(self, event: Event) -> Text | None:
        match event:
            case events.TurnFinal() | events.TurnRevised():
                emotions = self._emotions.setdefault(event.session, {})
                before = emotions.get(event.turn)
                emotions[event.turn] = event.emotion
                # Turns outside the window are never revised again.
                emotions.pop(event.turn - 1_100, None)
                return turn_line(event, self._style_of, before)
            case events.SessionStarted():
                return Text(f"{event.source}: {event.recogniser}, {event.bundle}", "dim")
            case events.SessionEnded():
                self._emotions.pop(event.session, None)
                return Text(ended_line(event), "dim")
            case events.AudioGap():
                return Text(
                    f"{clock(event.start_s):>9}  {event.length_s:.1f} s of sound lost: {event.reason}"
                )
            case events.AudioDeviceLost():
                return Text(f"{event.device} does not answer ({event.reason}): trying again")
            case events.AudioDeviceBack():
                return Text(f"{event.device} is back after {event.lost_s:.1f} s")
            case events.Mark():
                return Text(f"{clock(event.at_s):>9}  marked")
            case events.Health():
                return Text(f"{event.status}: {event.message}")
            case _:
                return None


def turn_line(event: events.Judged, style_of: StyleOf, before: str | None = None) -> Text:
    """The line of a turn: time, speaker, emotion, confidence, words."""
    line = Text(f"{clock(event.start_s):>9}  ")
    if event.speaker is not None:
        line.append(f"{printable(event.speaker)}  ", "bold")
    seen = looks([*event.probabilities, event.emotion])[event.emotion]
    line.append_text(emotion_text(event.emotion, seen, style_of, width=10))
    line.append(f"{event.confidence:4.0%}  ")
    if before is not None:
        line.append("(revised)  " if before == event.emotion else f"(was {printable(before)})  ", "dim")
    return line.append_text(words(event.text))


def ended_line(event: events.SessionEnded) -> str:
    """The line that summarises a session."""
    turns = "no turns" if event.turns == 0 else "1 turn" if event.turns == 1 else f"{event.turns} turns"
    line = f"{turns} in {clock(event.audio_s)}"
    if event.gaps:
        line += f", {event.gap_s:.1f} s of sound lost in {event.gaps} gaps"
    return line if event.reason == "end of input" else f"{line}; {event.reason}"
