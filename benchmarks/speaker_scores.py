"""How well it is known who speaks, against the truth.

Diarization error rates are those of pyannote.metrics. What a person at the live view sees is counted by turn:
whether its speaker is right, labels mapped to speakers as suits the whole conversation best (Kuhn 1955), and
whether a change of speaker is found.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pyannote.core import Annotation, Segment, Timeline
from pyannote.metrics.diarization import DiarizationErrorRate

COLLAR_S = 0.25
"""Before and after each boundary of the truth; pyannote's own word for it is the sum of both."""

CHANGE_TOLERANCE_S = 0.3


@dataclass(frozen=True, slots=True)
class Said:
    """Somebody speaks from `start_s` to `end_s`; `who` is a name or a label."""

    start_s: float
    end_s: float
    who: str | int


@dataclass(frozen=True)
class Scored:
    """One recording: who spoke, what was found, and the regions (start, end in seconds) that count."""

    spoken: Sequence[Said]
    found: Sequence[Said]
    regions: Sequence[tuple[float, float]]


def error_rates(recordings: Iterable[Scored]) -> dict[str, float]:
    """Diarization error rate over all recordings, overlapped speech counted.

    Returns:
        `der` and its parts `missed`, `false_alarm` and `confusion`, shares of `speech_s` (of all speakers),
        without a collar; `der_collar` with `COLLAR_S`.
    """
    plain, lenient = DiarizationErrorRate(), DiarizationErrorRate(collar=2 * COLLAR_S)
    for one in recordings:
        spoken, found = _annotation(one.spoken), _annotation(one.found)
        regions = Timeline([Segment(*region) for region in one.regions])
        for metric in (plain, lenient):
            metric(spoken, found, uem=regions)
    counted: dict[str, float] = plain.accumulated_
    total = counted["total"]
    parts = {"missed": "missed detection", "false_alarm": "false alarm", "confusion": "confusion"}
    return {
        "der": round(float(abs(plain)), 4),
        **{name: round(counted[key] / total, 4) for name, key in parts.items()},
        "der_collar": round(float(abs(lenient)), 4),
        "speech_s": round(total, 1),
    }


def speakers_of(spoken: Sequence[Said], found: Sequence[Said]) -> dict[str | int, str | int]:
    """Label -> the speaker it stands for, one each, so that as much time as possible is right."""
    mapping = DiarizationErrorRate().optimal_mapping(_annotation(spoken), _annotation(found))
    return dict(mapping)


def _annotation(said: Sequence[Said]) -> Annotation:
    """As pyannote has it; what one speaker says twice at a time counts once."""
    annotation = Annotation()
    for track, one in enumerate(said):
        if one.end_s > one.start_s:
            annotation[Segment(one.start_s, one.end_s), track] = one.who
    return annotation.support()


def shares(turn: Said, found: Sequence[Said]) -> dict[str | int, float]:
    """Seconds of a turn that each label has, of those that have any."""
    seconds: dict[str | int, float] = {}
    for one in found:
        common = min(one.end_s, turn.end_s) - max(one.start_s, turn.start_s)
        if common > 0:
            seconds[one.who] = seconds.get(one.who, 0.0) + common
    return seconds


def label_of(turn: Said, found: Sequence[Said]) -> str | int | None:
    """The label that has most of the time of a turn; None where nobody was found in it."""
    seconds = shares(turn, found)
    return max(seconds, key=lambda label: seconds[label], default=None)


def right_turns(
    turns: Sequence[Said], found: Sequence[Said], stands_for: Mapping[str | int, str | int] | None = None
) -> int:
    """How many turns have the right speaker; one in which nobody was found has not.

    Args:
        turns: that were spoken.
        found: labels.
        stands_for: label -> speaker; None is what suits these turns best.
    """
    if stands_for is None:
        stands_for = speakers_of(turns, found)
    labels = (label_of(turn, found) for turn in turns)
    return sum(
        label is not None and stands_for.get(label) == turn.who
        for turn, label in zip(turns, labels, strict=True)
    )


def found_changes(changes: Sequence[tuple[Said, Said]], found: Sequence[Said]) -> int:
    """How many changes of speaker are found where they are.

    Args:
        changes: the turns before and after each; the second begins when the first ends.
        found: labels.

    Returns:
        Those where both turns have labels, other ones, and the second's starts within `CHANGE_TOLERANCE_S`.
    """
    count = 0
    for before, after in changes:
        first, second = label_of(before, found), label_of(after, found)
        starts = [one.start_s for one in found if one.who == second]
        near = any(abs(start - after.start_s) <= CHANGE_TOLERANCE_S for start in starts)
        count += None not in (first, second) and first != second and near
    return count


def split_turns(turns: Sequence[Said], found: Sequence[Said]) -> int:
    """How many turns have two labels or more, each for `CHANGE_TOLERANCE_S`, though nobody else speaks."""
    alone = [
        turn
        for turn in turns
        if not any(one is not turn and one.start_s < turn.end_s and one.end_s > turn.start_s for one in turns)
    ]
    return sum(
        sum(seconds >= CHANGE_TOLERANCE_S for seconds in shares(turn, found).values()) > 1 for turn in alone
    )
