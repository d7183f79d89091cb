"""Audacity's labels: three columns, whatever the words."""

from pathlib import Path

from streamer.reports.formats.audacity import to_audacity
from tests.streamer.reports.sessions import call, record, strange


def test_every_turn_is_a_region(tmp_path: Path) -> None:
    assert to_audacity(record(tmp_path, call())).splitlines() == [
        "0.500000\t2.250000\t[neutral] agent: Good morning, how can I help?",
        "2.500000\t5.125000\t[anger] customer: It's broken. Again!",
        "4.750000\t6.000000\t[sadness] agent",
        "3600.001000\t3602.999000\t[joy] customer: Thanks – that is all.",
    ]


def test_tabs_and_line_breaks_in_words_make_no_columns_or_lines(tmp_path: Path) -> None:
    one = record(tmp_path, strange())
    rows = [line.split("\t") for line in to_audacity(one).split("\n")[:-1]]
    assert [(float(start), float(end)) for start, end, _ in rows] == [
        (turn.start_s, turn.end_s) for turn in one.turns
    ]
