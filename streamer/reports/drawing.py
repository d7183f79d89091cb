"""Computes the report page's content; positions are per cent of the session, so that it can be zoomed."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from streamer.outputs.mood import EVEN_WITHIN, SIDES, mood
from streamer.outputs.palette import looks
from streamer.outputs.wording import clock
from streamer.reports import measures
from streamer.reports.record import Record, Turn, end_ms, name_of, side_by_side
from streamer.reports.timed_words import timed_words
from streamer.reports.wording import one_line

_HALF = 32
"""Height of half the valence chart, in pixels."""

_FAINTEST = 0.5
"""Opacity of the first stretch on the circumplex; the last one has 1."""

_STEPS_S = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
_MOST_TICKS = 6
_WIDTH = 330
"""Width of the timeline on the narrowest screens, in pixels."""

_SHORTEST = 12
"""Width of a second at the highest zoom, in pixels."""


def view(record: Record) -> dict[str, Any]:
    """All values of the template."""
    marks = looks(record.labels)
    index = {label: number for number, label in enumerate(marks)}
    length_s = max(record.duration_s, 0.001)
    around = measures.around(len(record.turns))
    occurring = {turn.emotion for turn in record.turns}

    def at(seconds: float) -> float:
        return round(min(100 * seconds / length_s, 100), 4)

    def drawn(turn: Turn) -> dict[str, Any]:
        bar = max(abs(turn.valence) * (_HALF - 2), 1)
        words = one_line(turn.text or "")
        was = record.first_emotions.get(turn.turn)
        return {
            "number": turn.turn,
            "index": index[turn.emotion],
            "symbol": marks[turn.emotion].symbol,
            "emotion": one_line(turn.emotion),
            "was": None if was is None else one_line(was),
            "percent": _percent(turn.confidence),
            "speaker": one_line(name_of(turn)),
            "start": clock(turn.start_s),
            "start_s": f"{turn.start_s:.3f}",
            "end_s": f"{end_ms(turn) / 1000:.3f}",
            "x": at(turn.start_s),
            "width": max(at(turn.end_s) - at(turn.start_s), 0.01),
            "valence": _signed(turn.valence),
            "tone": _tone(turn.valence),
            "arousal": None if turn.arousal is None else _signed(turn.arousal),
            "mood": mood(turn.valence, turn.arousal),
            "bar_y": round(_HALF - bar if turn.valence >= 0 else _HALF, 1),
            "bar_height": round(bar, 1),
            "scale_x": round(min(32, 32 + 32 * turn.valence), 1),
            "scale_width": round(max(abs(32 * turn.valence), 1), 1),
            "words": words,
            "timed_words": [
                {"text": one_line(text), "at": f"{word.start_s:.3f}", "space": text != text.rstrip()}
                for text, word in timed_words(turn)
            ],
            "translation": one_line(turn.translation or ""),
            "no_words": "words withheld" if turn.text is None else "no words",
        }

    def person(name: str, turns: Sequence[Turn]) -> dict[str, Any]:
        shares = measures.shares(turns)
        parts, x = [], 0.0
        for label, share in shares.items():
            about = {"index": index[label], "symbol": marks[label].symbol, "label": one_line(label)}
            parts.append(
                about | {"x": round(x, 4), "width": round(100 * share, 4), "percent": _percent(share)}
            )
            x += 100 * share
        middle = [(turn.start_s + turn.end_s) / 2 for turn in turns]
        smooth = measures.smoothed_valence(turns, around)
        return {
            "name": one_line(name),
            "turns": [shown[turn.turn] for turn in turns],
            "rows": [[shown[turn.turn] for turn in row] for row in side_by_side(turns)],
            "shares": parts,
            "summary": ", ".join(f"{share['label']} {share['percent']} %" for share in parts),
            "valence": _signed(measures.mean_valence(turns)),
            "time": clock(math.fsum(map(measures.length_s, turns)), tenths=False),
            "line": " ".join(
                f"{10 * at(x):.1f},{_HALF - value * (_HALF - 2):.1f}"
                for x, value in zip(middle, smooth, strict=True)
            ),
        }

    def circumplex() -> dict[str, Any]:
        """Positions from -100 to 100, up and left are negative; without stretches if no arousal is known."""
        course = measures.course(record.turns)
        moods = measures.mood_shares(record.turns)
        stretches = [
            {
                "x": round(100 * stretch.valence, 1),
                "y": round(-100 * stretch.arousal, 1),
                "index": index[emotion],
                "symbol": marks[emotion].symbol,
                "opacity": round(_FAINTEST + (1 - _FAINTEST) * number / len(course), 2),
                "start": clock(stretch.turns[0].start_s),
                "turns": len(stretch.turns),
                "valence": _signed(stretch.valence),
                "arousal": _signed(stretch.arousal),
                "mood": mood(stretch.valence, stretch.arousal),
            }
            for number, stretch in enumerate(course, start=1)
            for emotion in [next(iter(measures.shares(stretch.turns)))]
        ]
        return {
            "stretches": stretches,
            "middle": 100 * EVEN_WITHIN,
            "corners": [(each, x, -y) for each, (x, y) in SIDES.items() if x],
            "shares": [{"mood": each, "percent": _percent(share)} for each, share in moods.items()],
        }

    shown = {turn.turn: drawn(turn) for turn in record.turns}
    of = {name: [turn for turn in record.turns if name_of(turn) == name] for name in record.speakers}
    speakers = [person(name, turns) for name, turns in of.items()]
    together = [person("Everyone", record.turns)] if len(speakers) > 1 else []
    most_zoom = max(math.ceil(math.log2(length_s * _SHORTEST / _WIDTH)), 0)
    return {
        "title": one_line(record.stream) or "Session",
        "at": record.at,
        "duration": clock(length_s, tenths=False),
        "seconds": f"{length_s:.3f}",
        "unfinished": record.ended is None,
        "bundle": one_line(record.bundle),
        "recogniser": one_line(record.recogniser),
        "source": one_line(record.source),
        "session": record.session,
        "emotions": [
            {
                "index": index[label],
                "symbol": look.symbol,
                "label": one_line(label),
                "occurs": label in occurring,
            }
            for label, look in marks.items()
        ],
        "gaps": [
            {"x": at(gap.start_s), "width": max(at(gap.start_s + gap.length_s) - at(gap.start_s), 0.05)}
            for gap in record.gaps
        ],
        "ticks": _ticks(length_s, 2**most_zoom),
        "most_zoom": most_zoom,
        "speakers": speakers,
        "everyone": [*together, *speakers],
        "turns": list(shown.values()),
        "points": [
            {
                "turn": shown[point.turn.turn],
                "x": at(point.turn.start_s),
                "tone": _tone(point.change),
                "before": _signed(point.before),
                "after": _signed(point.after),
            }
            for point in measures.turning_points(record.turns)
        ],
        "circumplex": circumplex(),
        "around": around,
        "most_points": measures.MOST,
        "least_change": measures.LEAST_CHANGE,
    }


def _ticks(length_s: float, most_times: int) -> list[dict[str, Any]]:
    """Ticks of the time axis: some are always shown, finer ones from a zoom factor on."""
    coarsest = next((step for step in _STEPS_S if length_s / step <= _MOST_TICKS), _STEPS_S[-1])
    levels: list[dict[str, Any]] = []
    shown: set[float] = set()
    for step in [step for step in reversed(_STEPS_S) if step <= coarsest]:
        least = max(round(coarsest / step), 1)
        if least > most_times or length_s / step > 2000:
            break
        at = {count * step for count in range(math.ceil(length_s / step))} - shown
        shown |= at
        levels.append({"least": least, "at": list(_named(sorted(at), length_s))})
    return levels


def _named(at: Iterable[float], length_s: float) -> Iterable[dict[str, Any]]:
    for seconds in at:
        if seconds / length_s < 0.97:  # a label at the very end would be cut
            yield {"x": round(100 * seconds / length_s, 4), "name": clock(seconds, tenths=False)}


def _percent(share: float) -> int:
    return round(100 * share)


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−") if abs(value) >= 0.005 else "0.00"


def _tone(valence: float) -> str:
    return "pleasant" if valence >= 0 else "unpleasant"
