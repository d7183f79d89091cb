"""RTTM, scored by spyder against who really spoke when."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from spyder import DER
from spyder.der import compute_der_from_rttm

from streamer.events import Event
from streamer.reports.formats.rttm import SpeakerLine, read_rttm, to_rttm, write_rttm
from streamer.reports.reading import read_records
from tests.streamer.outputs.samples import Sample
from tests.streamer.reports.sessions import call, record, strange, write


def read(text: str) -> dict[str, list[tuple[str, float, float]]]:
    """As NIST's scorers read it: ten fields between white space."""
    turns: dict[str, list[tuple[str, float, float]]] = {}
    for line in text.splitlines():
        kind, file, channel, start, length, ortho, subtype, name, confidence, slat = line.split()
        assert (kind, channel, ortho, subtype, confidence, slat) == ("SPEAKER", "1", *["<NA>"] * 4)
        assert float(length) > 0
        turns.setdefault(file, []).append((name, float(start), float(start) + float(length)))
    return turns


def test_turns_are_who_spoke_when(tmp_path: Path) -> None:
    hypothesis = read(to_rttm([record(tmp_path, call())]))
    truth = {
        "call": [
            ("agent", 0.5, 2.25),
            ("customer", 2.5, 5.125),
            ("agent", 4.75, 6.0),
            ("customer", 3600.001, 3602.999),
        ]
    }
    assert {name for name, _, _ in hypothesis["call"]} == {"agent", "customer"}
    score = DER(truth, hypothesis)["Overall"]
    assert score.der == pytest.approx(0, abs=1e-9)
    assert score.duration == pytest.approx(1.75 + 2.625 + 1.25 + 2.998)
    late = {"call": [(name, start + 0.5, end + 0.5) for name, start, end in truth["call"]]}
    assert DER(late, hypothesis)["Overall"].der > 0.2


def test_the_scorers_own_reader_takes_the_file(tmp_path: Path) -> None:
    one = record(tmp_path, call())
    for name in ("truth", "found"):
        (tmp_path / f"{name}.rttm").write_text(to_rttm([one]))
    done = CliRunner().invoke(
        compute_der_from_rttm, [str(tmp_path / "truth.rttm"), str(tmp_path / "found.rttm")]
    )
    assert done.exit_code == 0, done.output
    assert "8.62" in done.output
    assert done.output.count("0.00%") == 4


def test_names_have_no_spaces_and_stay_apart(tmp_path: Path) -> None:
    one = record(tmp_path, strange())
    [(file, turns)] = read(to_rttm([one])).items()
    assert len(turns) == len(one.turns)
    assert len({name for name, _, _ in turns}) == len(one.speakers)
    assert file == "room_1/<i>"
    assert {"A_B", "A_B-2", "A_B-3"} < {name for name, _, _ in turns}


def test_names_without_spaces_stay_as_they_are(tmp_path: Path) -> None:
    sample = Sample("2024_call.wav")
    events: list[Event] = [sample.started(), sample.final(1, speaker="1"), sample.final(2, speaker="2")]
    [(file, turns)] = read(to_rttm([record(tmp_path, [*events, sample.ended(turns=2)])])).items()
    assert file == "2024_call.wav"
    assert [name for name, _, _ in turns] == ["1", "2"]


def test_sessions_are_told_apart_by_their_file(tmp_path: Path) -> None:
    records = read_records(write(tmp_path / "all.jsonl", [*call("a"), *call("b"), *call("b")]))
    files = read(to_rttm(records))
    assert [len(turns) for turns in files.values()] == [4, 4, 4]
    assert list(files) == ["a", f"b-{records[1].session}", f"b-{records[2].session}"]


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    lines = [SpeakerLine("call", 0.5, 1.75, "Jürgen"), SpeakerLine("b", 3600.001, 0.001, "agent")]
    assert read_rttm(write_rttm(lines)) == lines
    exported = read_rttm(to_rttm([record(tmp_path, call())]))
    assert [line.speaker for line in exported] == ["agent", "customer", "agent", "customer"]
    assert exported[1].end_s == pytest.approx(5.125)


def test_files_of_others_are_read() -> None:
    text = """;; by hand
SPKR-INFO call 1 <NA> <NA> <NA> adult_male agent <NA> <NA>

SPEAKER\tcall\t1\t0.5 1.75 <NA> <NA> agent <NA>
  SPEAKER call 1 2 0 <NA> <NA> agent 0.9 <NA>
"""
    assert read_rttm(text) == [SpeakerLine("call", 0.5, 1.75, "agent"), SpeakerLine("call", 2, 0, "agent")]


@pytest.mark.parametrize(
    "line",
    [
        "SPEAKER",
        "SPEAKER call 1 0.5 1.75 <NA> <NA> agent",
        "SPEAKER call 1 0.5 late <NA> <NA> agent <NA> <NA>",
        "SPEAKER call 1 -0.5 1 <NA> <NA> agent <NA> <NA>",
        "SPEAKER call 1 nan 1 <NA> <NA> agent <NA> <NA>",
    ],
)
def test_a_line_that_is_none_is_named(line: str) -> None:
    with pytest.raises(ValueError, match=f"line 2 is no SPEAKER line of an RTTM file: {line}"):
        read_rttm(f";; call\n{line}\n")
