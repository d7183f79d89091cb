"""When which words were shown: what a program said, matched with what was spoken."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

import jiwer
import numpy as np

WINDOW = 5
"""Tentative words are looked for among as many final ones, and so many more."""


@dataclass(frozen=True)
class Spoken:
    """An utterance, in seconds of the stream.

    Attributes:
        words: lower case, no punctuation.
        ends_s: of each word; None where it is not known.
        end_s: of the speech.
    """

    words: tuple[str, ...]
    ends_s: tuple[float | None, ...]
    end_s: float


@dataclass(frozen=True)
class Shown:
    """The words that are shown of a turn from a moment on, in place of those shown of it before.

    Attributes:
        at_s: in seconds of the stream.
        turn: its number.
        final: those that stay.
        tentative: those behind them.
        decision_ms: from the decision that the turn is over, where one led to this.
    """

    at_s: float
    turn: int
    final: tuple[str, ...]
    tentative: tuple[str, ...]
    decision_ms: float | None = None


@dataclass(frozen=True)
class FinalWord:
    """A word as it stayed, with when it was shown first, and when it was final."""

    word: str
    turn: int
    shown_s: float
    final_s: float


def final_words(shown: Sequence[Shown]) -> list[FinalWord]:
    """The words that stayed, in the order of the turns; a turn that goes on has those told last."""
    turns: dict[int, list[Shown]] = {}
    for each in shown:
        turns.setdefault(each.turn, []).append(each)
    return [word for turn in sorted(turns) for word in _of_turn(turns[turn])]


def _of_turn(shown: Sequence[Shown]) -> list[FinalWord]:
    words = next((each.final for each in reversed(shown) if each.final), ())
    shown_s: dict[int, float] = {}
    final_s: dict[int, float] = {}
    for each in shown:
        stays = len(each.final)
        for at in _matched(each.final, words):
            final_s.setdefault(at, each.at_s)
            shown_s.setdefault(at, each.at_s)
        window = words[stays : stays + len(each.tentative) + WINDOW]
        for at in _matched(each.tentative, window):
            shown_s.setdefault(stays + at, each.at_s)
    turn = shown[0].turn
    return [FinalWord(word, turn, shown_s[at], final_s[at]) for at, word in enumerate(words)]


def _matched(shown: Sequence[str], words: Sequence[str]) -> list[int]:
    """Which of the words are among the ones shown."""
    same = 0
    while same < min(len(shown), len(words)) and shown[same] == words[same]:
        same += 1
    blocks = SequenceMatcher(None, shown[same:], words[same:], autojunk=False).get_matching_blocks()
    return [*range(same), *(same + block.b + n for block in blocks for n in range(block.size))]


def judge(spoken: Sequence[Spoken], shown: Sequence[Shown]) -> dict[str, Any]:
    """How late the words came, and how right they were.

    Returns:
        `final_ms` (end of speech -> all its words final), `last_ms` (-> its last word shown first) and
        `next_ms` (-> the words shown of its turn change next), a value an utterance that was found; `missed`
        utterances; `age_ms` (end of a word -> shown first) of every word recognised; `wer`; `finals`, turns
        with words; `decision_ms`.
    """
    found = final_words(shown)
    reference = [word for each in spoken for word in each.words]
    aligned = jiwer.process_words(" ".join(reference), " ".join(word.word for word in found) or "-")
    heard: dict[int, FinalWord] = {}
    for chunk in aligned.alignments[0]:
        if chunk.type in ("equal", "substitute") and found:
            for n in range(chunk.ref_end_idx - chunk.ref_start_idx):
                heard[chunk.ref_start_idx + n] = found[chunk.hyp_start_idx + n]
    changes = _changes(shown)
    ages: list[float] = []
    late: dict[str, list[float]] = {"final_ms": [], "last_ms": [], "next_ms": []}
    at = 0
    for each in spoken:
        own = [heard.get(at + n) for n in range(len(each.words))]
        for word, reference_word, end_s in zip(own, each.words, each.ends_s, strict=True):
            if word is not None and end_s is not None and word.word == reference_word:
                ages.append(1e3 * (word.shown_s - end_s))
        at += len(own)
        told = [word for word in own if word is not None]
        if told:
            after = (one.at_s for one in changes if one.turn == told[-1].turn and one.at_s >= each.end_s)
            late["final_ms"].append(1e3 * (max(word.final_s for word in told) - each.end_s))
            late["last_ms"].append(1e3 * (told[-1].shown_s - each.end_s))
            late["next_ms"].append(1e3 * (next(after, told[-1].final_s) - each.end_s))
    return {
        **{key: _percentiles(values) for key, values in late.items()},
        "age_ms": _percentiles(ages),
        "missed": len(spoken) - len(late["final_ms"]),
        "wer": round(aligned.wer, 4),
        "finals": len({word.turn for word in found}),
        "decision_ms": _percentiles([one.decision_ms for one in shown if one.decision_ms is not None]),
    }


def _changes(shown: Sequence[Shown]) -> list[Shown]:
    """Those that show other words of a turn, or make them final, than the one before."""
    last: dict[int, tuple[object, ...]] = {}
    changes = []
    for each in shown:
        if last.get(each.turn) != (each.final, each.tentative):
            changes.append(each)
        last[each.turn] = (each.final, each.tentative)
    return changes


def _percentiles(values: Sequence[float]) -> dict[str, float] | None:
    if not values:
        return None
    return {f"p{q}": round(float(np.percentile(values, q)), 1) for q in (50, 95, 100)}
