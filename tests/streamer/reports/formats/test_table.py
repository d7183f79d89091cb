"""CSV, read back by Python's own reader."""

import csv
import io
from pathlib import Path

from streamer.reports.formats.table import to_csv
from streamer.reports.reading import read_records
from tests.streamer.outputs.samples import MELD, Sample
from tests.streamer.reports.sessions import STRANGE_LABELS, call, record, strange, write


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def test_every_turn_is_a_row_with_all_that_was_told(tmp_path: Path) -> None:
    one = record(tmp_path, call())
    rows = read(to_csv([one]))
    for row, turn in zip(rows, one.turns, strict=True):
        assert (row["session"], row["stream"], row["speaker"]) == (one.session, "call", turn.speaker)
        assert (int(row["turn"]), int(row["revision"])) == (turn.turn, turn.revision)
        assert (float(row["start_s"]), float(row["end_s"])) == (turn.start_s, turn.end_s)
        assert (row["emotion"], row["sentiment"], row["text"]) == (turn.emotion, turn.sentiment, turn.text)
        assert (float(row["confidence"]), float(row["valence"])) == (turn.confidence, turn.valence)
        assert float(row["arousal"]) == turn.arousal
        assert {label: float(row[f"probability.{label}"]) for label in MELD} == turn.probabilities
        assert {label: float(row[f"text.{label}"]) for label in MELD} == turn.modalities["text"]
    assert (rows[0]["recogniser"], rows[0]["bundle"]) == ("faster-whisper:tiny.en", "meld-small@1")


def test_an_arousal_that_is_unknown_is_empty(tmp_path: Path) -> None:
    [row] = read(to_csv([record(tmp_path, [Sample().final(1, arousal=None)])]))
    assert (row["valence"], row["arousal"]) == ("-0.62", "")


def test_lines_end_as_rfc_4180_has_it(tmp_path: Path) -> None:
    text = to_csv([record(tmp_path, call())])
    assert text.count("\r\n") == text.count("\n") == 5
    assert not text.startswith("\ufeff")


def test_commas_quotes_and_line_breaks_survive_and_formulas_are_disarmed(tmp_path: Path) -> None:
    one = record(tmp_path, strange())
    rows = read(to_csv([one]))
    for row, turn in zip(rows, one.turns, strict=True):
        expected = turn.text or ""
        assert row["text"] == (f"'{expected}" if expected.startswith("=") else expected)
    assert rows[4]["speaker"] == "'=1+1"
    assert rows[3]["speaker"] == rows[7]["text"] == ""
    assert rows[0]["valence"] == "-0.25"
    assert [name for name in rows[0] if name.startswith("probability.")] == [
        f"probability.{label}" for label in STRANGE_LABELS
    ]


def test_sessions_of_different_bundles_share_a_table(tmp_path: Path) -> None:
    records = read_records(write(tmp_path / "all.jsonl", [*call(), *strange()]))
    rows = read(to_csv(records))
    assert len(rows) == 12
    assert rows[0]["probability.2nd"] == rows[-1]["probability.anger"] == ""
    assert float(rows[-1]["probability.joy"]) == 1.0
