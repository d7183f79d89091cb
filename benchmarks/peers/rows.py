"""The rows of the comparison, and who is ahead in each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import le
from typing import Any

from benchmarks.peers.programs import PROGRAMS

Result = Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes:
        label: what is compared; less is better.
        value: of a program's result; None where it has none. What decides between programs, first.
        form: of the values.
        at_most: what this program must reach.
    """

    label: str
    value: Callable[[Result], tuple[float, ...] | None]
    form: str
    at_most: tuple[float, ...] = ()


def _of(part: str, key: str, *percentiles: str) -> Callable[[Result], tuple[float, ...] | None]:
    def value(result: Result) -> tuple[float, ...] | None:
        found = result.get(part, {}).get(key)
        if found is None or not percentiles:
            return None if found is None else (found,)
        return tuple(found[each] for each in percentiles)

    return value


def _finals(result: Result) -> tuple[float, ...] | None:
    return (result["speech"]["finals"],) if result["makes_turns"] else None


ROWS = (
    Row(
        "end of speech -> final words, ms, median / p95",
        _of("speech", "final_ms", "p50", "p95"), "{:,.0f}", (450, 700),
    ),
    Row("utterances of which no word came", _of("speech", "missed"), "{:.0f}"),
    Row("end of speech -> words shown next, ms, median", _of("speech", "next_ms", "p50"), "{:,.0f}", (200,)),
    Row("end of speech -> its last word shown, ms, median", _of("speech", "last_ms", "p50"), "{:,.0f}"),
    Row(
        "end of a word -> it is shown, ms, median / p95",
        _of("speech", "age_ms", "p50", "p95"), "{:,.0f}", (700,),
    ),
    Row("word error rate, %", _of("speech", "wer_percent"), "{:.1f}"),
    Row("finals, once revised", _finals, "{:.0f}", (48,)),
    Row("CPU seconds per second of sound", _of("speech", "cpu"), "{:.3f}", (0.08,)),
    Row("CPU seconds per second of silence, noise, tones", _of("speechless", "cpu"), "{:.3f}"),
    Row("words in silence, noise, tones", _of("speechless", "words"), "{:.0f}"),
    Row("decision -> final, at most, ms: one stream", _of("speech", "decision_ms", "p100"), "{:,.0f}"),
    Row("decision -> final, at most, ms: four streams", _of("4", "decision_ms", "p100"), "{:,.0f}"),
    Row("decision -> final, at most, ms: eight streams", _of("8", "decision_ms", "p100"), "{:,.0f}", (500,)),
    Row("memory, MB: one stream", _of("speech", "memory_mb"), "{:,.0f}"),
    Row("memory, MB: eight streams", _of("8", "memory_mb"), "{:,.0f}"),
    Row("start -> accepts sound, s", _of("start", "accepts_s"), "{:.2f}", (1.0,)),
    Row("start -> has its models, s", _of("start", "models_s"), "{:.2f}", (2.5,)),
)  # fmt: skip


def compared(result: Result) -> list[dict[str, Any]]:
    """The table.

    Returns:
        Of each row, `label`, `cells` (text by program), `ahead` (titles of the best), `behind` (whether this
        program is not among them; None where it has no value), `at_most` and `met` (None where nothing is
        asked).
    """
    return [_compared(row, result["programs"]) for row in ROWS]


def _compared(row: Row, programs: Result) -> dict[str, Any]:
    values = {name: row.value(programs[name]) for name in PROGRAMS if name in programs}
    # What is written alike is alike.
    texts = {
        name: "-" if value is None else " / ".join(row.form.format(one) for one in value)
        for name, value in values.items()
    }
    first = {name: value[0] for name, value in values.items() if value is not None}
    best = row.form.format(min(first.values())) if first else ""
    ahead = [name for name, one in first.items() if row.form.format(one) == best]
    ours = values.get("merits")
    return {
        "label": row.label,
        "cells": texts,
        "ahead": [PROGRAMS[name].title for name in ahead],
        "behind": None if ours is None else "merits" not in ahead,
        "at_most": " / ".join(row.form.format(most) for most in row.at_most),
        "met": all(map(le, ours, row.at_most)) if row.at_most and ours is not None else None,
    }
