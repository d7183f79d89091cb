"""Words with times in exports, and old events without."""

import csv
import io
import json
from pathlib import Path
from typing import Any

from streamer.events import Event, TurnFinal, read_event, without_words
from streamer.reports.formats.html import to_html
from streamer.reports.formats.subtitles import to_srt, to_vtt
from streamer.reports.formats.table import to_csv
from streamer.reports.timed_words import LONGEST_S, MOST_CHARACTERS, in_pieces, timed_words
from tests.streamer.outputs.samples import Sample
from tests.streamer.reports.sessions import record

TEXT = " ".join(f"word{n}," for n in range(30)) + " the end."


def talk(text: str = TEXT, **change: Any) -> list[Event]:
    sample = Sample("talk")
    words = [
        {"text": word, "start_s": 2 + 0.4 * n, "end_s": 2.4 + 0.4 * n, "probability": 0.9}
        for n, word in enumerate(text.split())
    ]
    turn: dict[str, Any] = {"start_s": 1.9, "end_s": 2.5 + 0.4 * len(words), "text": text, "words": words}
    return [sample.started(), sample.final(**(turn | change))]


def test_long_turns_become_several_subtitles(tmp_path: Path) -> None:
    one = record(tmp_path, talk())
    pieces = in_pieces(one.turns[0])
    assert len(pieces) > 2
    assert " ".join(piece.text or "" for piece in pieces) == TEXT
    assert all(len(piece.text or "") <= MOST_CHARACTERS for piece in pieces)
    assert all(piece.end_s - piece.start_s <= LONGEST_S + 0.5 for piece in pieces)
    assert (pieces[0].start_s, pieces[-1].end_s) == (1.9, one.turns[0].end_s)
    assert to_srt(one).count(" --> ") == to_vtt(one).count(" --> ") == len(pieces)
    assert "\n1\n" in to_vtt(one)
    assert "\n1-2\n" in to_vtt(one)


def test_words_without_spaces_keep_none(tmp_path: Path) -> None:
    words = [
        {"text": text, "start_s": n, "end_s": n + 1, "probability": 1}
        for n, text in enumerate(["你", "好", "吗?"])
    ]
    one = record(tmp_path, talk("你好吗?", words=words, end_s=9.0))
    assert [text for text, _ in timed_words(one.turns[0])] == ["你", "好", "吗?"]


def test_times_of_other_words_are_left_alone(tmp_path: Path) -> None:
    one = record(tmp_path, talk(text="Something else."))
    assert timed_words(one.turns[0]) != []
    other = record(tmp_path, talk(words=[{"text": "nope", "start_s": 1, "end_s": 2, "probability": 1}]))
    assert timed_words(other.turns[0]) == []
    assert in_pieces(other.turns[0]) == [other.turns[0]]


def test_each_word_of_the_page_plays_where_sound_is(tmp_path: Path) -> None:
    one = record(tmp_path, talk(text="One <b>two</b> three.", translation="Eins & zwei."))
    page = to_html(one, "data:audio/webm;base64,AAAA")
    assert '<span data-at="2.400">&lt;b&gt;two&lt;/b&gt;</span> <span data-at="2.800">three.</span>' in page
    assert "Eins &amp; zwei." in page
    assert "data-at=" not in to_html(one, None).split("<script>")[0].split("</style>")[1]


def test_the_table_says_how_sure_the_words_are(tmp_path: Path) -> None:
    events = talk(language="de", words_confidence=0.75, translation="=1")
    [row] = csv.DictReader(io.StringIO(to_csv([record(tmp_path, events)]), newline=""))
    assert (row["language"], row["words_confidence"], row["translation"]) == ("de", "0.75", "'=1")


def test_withheld_words_are_withheld_in_every_form() -> None:
    [_, turn] = talk(translation="zwei")
    withheld = without_words(turn)
    assert isinstance(withheld, TurnFinal)
    assert (withheld.text, withheld.translation, withheld.words) == (None, None, None)
    assert without_words(Sample().mark()) is not None


def test_events_of_before_are_read(tmp_path: Path) -> None:
    told = json.loads(Sample().final().model_dump_json())
    for name in ("language", "words_confidence", "translation", "words"):
        del told[name]
    turn = read_event(told, 1)
    assert isinstance(turn, TurnFinal)
    assert (turn.language, turn.words_confidence, turn.translation, turn.words) == (None, None, None, None)
