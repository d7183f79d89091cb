"""Events files to export, and what is to be found in them again."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from streamer.events import AudioGap, Event, SessionEnded
from streamer.reports.reading import read_records
from streamer.reports.record import Record
from tests.streamer.outputs.samples import Sample


def call(stream: str = "call") -> list[Event]:
    """Two people, who talk over each other; one turn is revised, one has no words, sound is lost."""
    sample = Sample(stream)
    return [
        sample.started(source=f"{stream}.flac", channels=2),
        sample.turn_started(1, "agent", 0.5),
        _turn(sample, 1, "agent", 0.5, 2.25, "Good morning, how can I help?", "joy", 0.7, 0.6),
        _turn(sample, 2, "customer", 2.5, 5.125, "It's broken. Again!", "anger", 0.9, -0.9),
        _turn(sample, 3, "agent", 4.75, 6.0, "", "sadness", 0.5, -0.4),
        sample.revised(
            1,
            "neutral",
            0.55,
            speaker="agent",
            start_s=0.5,
            end_s=2.25,
            text="Good morning, how can I help?",
            sentiment="neutral",
            valence=0.1,
        ),
        AudioGap(**sample.session.stamp(), start_s=6.5, length_s=0.75, reason="overflow"),
        _turn(sample, 4, "customer", 3600.001, 3602.999, "Thanks – that is all.", "joy", 0.8, 0.7),
        SessionEnded(
            **sample.session.stamp(),
            reason="end of input",
            turns=4,
            audio_s=3603,
            gaps=1,
            gap_s=0.75,
            duration_s=9,
        ),
    ]


STRANGE = [
    "a <b>bold</b> --> & {\\an8} claim",
    "two\n\nlines\r\nand a\ttab",
    '=HYPERLINK("http://example.org","click")',
    'quotes " and \' and, commas; </script><script>document.title = "gone"</script>',
    "null\x00 bell\x07 escape\x1b[31m \u2028 separator",
    "مرحبا بالعالم \u202e שלום 😀 悲しい",
    "<img src=x onerror=\"document.title='gone'\">]]>{{ 7 * 7 }}",
]
"""Words that formats may take for something else."""

STRANGE_LABELS = ["schadenfreude, mild", "悲しい", "happy+excited", "<b>", "2nd", "joy"]


def strange() -> list[Event]:
    """Nothing here is plain: words, names, labels, a turn without length, words withheld."""
    sample = Sample("room 1/<i>\u2028", labels=STRANGE_LABELS)
    speakers = ["A B", "A_B", "<v x>&", None, "=1+1", "A\nB", ""]
    events: list[Event] = [sample.started(source="my file #1?.wav")]
    for number, words in enumerate(STRANGE, start=1):
        emotion = STRANGE_LABELS[number % len(STRANGE_LABELS)]
        start_s = 1.5 * number
        events.append(
            _turn(sample, number, speakers[number - 1], start_s, start_s + 1.25, words, emotion, 0.6, -0.25)
        )
    events.append(_turn(sample, 8, None, 20.0, 20.0, None, "joy", 1.0, 1.0))
    return events


def _turn(
    sample: Sample,
    number: int,
    speaker: str | None,
    start_s: float,
    end_s: float,
    text: str | None,
    emotion: str,
    confidence: float,
    valence: float,
) -> Event:
    times = {"start_s": start_s, "end_s": end_s}
    sentiment = "positive" if valence > 0.3 else "negative" if valence < -0.3 else "neutral"
    return sample.final(
        number,
        emotion,
        confidence,
        speaker=speaker,
        text=text,
        valence=valence,
        sentiment=sentiment,
        **times,
    )


def lines(events: Iterable[Event]) -> list[str]:
    """As they stand in a file."""
    return [event.model_dump_json() for event in events]


def write(path: Path, events: Iterable[Event]) -> Path:
    """An events file."""
    path.write_text("".join(line + "\n" for line in lines(events)), "utf-8")
    return path


def record(path: Path, events: Iterable[Event], **how: Any) -> Record:
    """What is read of them."""
    [one] = read_records(write(path / "events.jsonl", events), **how)
    return one


@contextmanager
def on_standard_input(path: Path) -> Iterator[None]:
    """What a file holds, to be read from standard input."""
    before = os.dup(0)
    try:
        with path.open("rb") as file:
            os.dup2(file.fileno(), 0)
        yield
    finally:
        os.dup2(before, 0)
        os.close(before)
