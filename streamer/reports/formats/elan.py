"""ELAN's annotation format, EAF 3.0: tiers of every speaker's words, with emotion, valence and arousal below.

Max Planck Institute for Psycholinguistics, "ELAN Annotation Format", https://www.mpi.nl/tools/elan/EAFv3.0.xsd.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain, count
from typing import Any

from streamer.reports.formats.xml import render
from streamer.reports.record import Record, Turn, end_ms, name_of, side_by_side, start_ms
from streamer.reports.sound import Sound
from streamer.reports.wording import one_line, xml_text

_KINDS = ("emotion", "valence", "arousal")


def to_eaf(record: Record, sound: Sound | None) -> bytes:
    """Convert a session to an annotation document.

    The tiers of speaker A: `A` (words with times), `A emotion`, `A valence` and `A arousal` (one value for
    each annotation of `A`, if known). A tier cannot contain overlapping turns of a speaker; later ones are on
    `A (2)`.
    """
    numbers = count(1)
    tiers: list[dict[str, Any]] = []
    bounds: list[int] = []
    for name, turns in _tiers(record):
        bounds += chain.from_iterable((start_ms(turn), end_ms(turn)) for turn in turns)
        said = [
            {
                "number": next(numbers),
                "words": one_line(turn.text or ""),
                "emotion": one_line(turn.emotion),
                "valence": f"{turn.valence:+.3f}",
                "arousal": None if turn.arousal is None else f"{turn.arousal:+.3f}",
            }
            for turn in turns
        ]
        tiers.append({"name": name, "speaker": one_line(name_of(turns[0])), "turns": said})
    relative = "" if sound is None else sound.relative_url
    labels = map(one_line, record.labels)
    return render(
        "elan.eaf",
        record=record,
        at=(record.at or datetime.now(UTC)).isoformat(timespec="seconds"),
        sound=sound,
        relative_url=relative if relative.startswith(("../", "file:")) else f"./{relative}",
        slots=sorted((ms, number) for number, ms in enumerate(bounds, start=1)),
        tiers=tiers,
        kinds=_KINDS,
        entries={label: f"emotion-{number}" for number, label in enumerate(labels, start=1)},
    )


def _tiers(record: Record) -> Iterator[tuple[str, list[Turn]]]:
    """Turns, with the name of their tier."""
    taken: set[str] = set()
    for speaker in record.speakers:
        turns = [turn for turn in record.turns if name_of(turn) == speaker]
        for number, row in enumerate(side_by_side(turns), start=1):
            name = xml_text(one_line(speaker)) or "unnamed"
            name = name if number == 1 else f"{name} ({number})"
            while taken & (wanted := {name, *(f"{name} {kind}" for kind in _KINDS)}):
                name += "'"
            taken |= wanted
            yield name, row
