"""What programs show, matched with what was spoken."""

from typing import Any

import pytest

from benchmarks.peers.comparison import words_of
from benchmarks.peers.rows import ROWS, compared
from benchmarks.peers.words import Shown, Spoken, final_words, judge

FIRST = Spoken(("good", "morning", "all"), (0.5, 1.0, 1.5), 1.6)
SECOND = Spoken(("the", "end"), (4.5, None), 5.0)


def shown(at_s: float, turn: int, final: str = "", tentative: str = "", ms: float | None = None) -> Shown:
    return Shown(at_s, turn, tuple(final.split()), tuple(tentative.split()), ms)


TURNS = [
    shown(0.9, 1, tentative="good mourning"),
    shown(1.4, 1, tentative="good morning"),
    shown(2.0, 1, "good morning all", ms=20),
    shown(5.5, 2, "the band", ms=40),
]


def test_a_word_is_shown_when_it_first_is_and_final_when_it_stays() -> None:
    words = final_words(TURNS)
    assert [word.word for word in words] == ["good", "morning", "all", "the", "band"]
    assert [word.shown_s for word in words] == [0.9, 1.4, 2.0, 5.5, 5.5]
    assert [word.final_s for word in words] == [2.0, 2.0, 2.0, 5.5, 5.5]


def test_utterances_are_judged_from_the_end_of_their_speech() -> None:
    found = judge([FIRST, SECOND], TURNS)
    assert found["final_ms"] == {"p50": 450.0, "p95": 495.0, "p100": 500.0}
    assert found["next_ms"]["p50"] == 450.0
    assert found["age_ms"]["p50"] == pytest.approx(450)  # 400, 400, 500 and 1,000; of a wrong word, none
    assert (found["wer"], found["missed"], found["finals"]) == (0.2, 0, 2)
    assert found["decision_ms"]["p100"] == 40


def test_a_turn_that_goes_on_is_one_final_whose_new_words_came_later() -> None:
    reopened = [
        shown(1.2, 1, "good morning", ms=10),
        shown(1.5, 1, tentative="good morning"),
        shown(2.1, 1, "good morning all"),
    ]
    found = judge([FIRST], reopened)
    assert found["finals"] == 1
    assert found["final_ms"]["p50"] == 500
    assert [word.final_s for word in final_words(reopened)] == [1.2, 1.2, 2.1]


def test_an_utterance_cut_in_two_is_two_finals() -> None:
    found = judge([FIRST], [shown(1.2, 1, "good morning"), shown(1.9, 2, "all")])
    assert (found["finals"], found["wer"]) == (2, 0.0)
    assert found["final_ms"]["p50"] == pytest.approx(300)


def test_a_growing_transcript_holds_all_utterances() -> None:
    growing = [
        shown(1.7, 0, tentative="good morning all"),
        shown(1.8, 0, tentative="good morning all"),
        shown(3.0, 0, "good morning", "all the"),
        shown(5.1, 0, "good morning all", "the end"),
        shown(6.0, 0, "good morning all the end"),
    ]
    found = judge([FIRST, SECOND], growing)
    assert found["final_ms"]["p100"] == pytest.approx(3500)
    assert found["last_ms"]["p50"] == pytest.approx(100)
    assert [word.shown_s for word in final_words(growing)] == [1.7, 1.7, 1.7, 3.0, 5.1]


def test_what_shows_the_same_words_again_is_nothing_new() -> None:
    again = [shown(1.5, 0, tentative="good morning all"), shown(1.7, 0, tentative="good morning all")]
    found = judge([FIRST], [*again, shown(2.6, 0, "good morning all")])
    assert found["next_ms"]["p50"] == pytest.approx(1000)
    assert found["last_ms"]["p50"] == pytest.approx(-100)


def test_an_utterance_without_words_is_missed() -> None:
    assert judge([FIRST, SECOND], TURNS[:3])["missed"] == 1
    assert judge([FIRST], [])["missed"] == 1


def test_words_where_nobody_speaks_count_at_their_most() -> None:
    assert words_of([shown(1, 1, tentative="thank you"), shown(2, 1, tentative=""), shown(3, 2, "bye")]) == 3


def test_less_is_ahead_and_what_reads_alike_is_alike() -> None:
    def program(final_ms: float, wer: float) -> dict[str, Any]:
        speech = {"final_ms": {"p50": final_ms, "p95": 690.0}, "wer_percent": wer, "finals": 47}
        return {"speech": speech, "makes_turns": True}

    table = compared({"programs": {"merits": program(440, 13.44), "realtimestt": program(1370, 13.41)}})
    rows = {row["label"]: row for row in table}
    final = rows["end of speech -> final words, ms, median / p95"]
    assert final["cells"] == {"merits": "440 / 690", "realtimestt": "1,370 / 690"}
    assert (final["ahead"], final["met"], final["at_most"]) == (["MERITS Live"], True, "450 / 700")
    assert rows["word error rate, %"]["ahead"] == ["MERITS Live", "RealtimeSTT"]
    assert rows["memory, MB: eight streams"]["cells"]["merits"] == "-"
    assert len(table) == len(ROWS)
