"""Events files as they are met: whole, cut short, of several sessions, of versions to come."""

import json
from pathlib import Path

import pytest

from streamer.errors import InputError
from streamer.replay.recording import Recording
from streamer.reports.reading import choose, read_records
from streamer.reports.record import side_by_side
from tests.streamer.outputs.samples import MELD, Sample
from tests.streamer.reports.sessions import call, lines, on_standard_input, record, write


def test_a_session_is_read_with_the_latest_that_was_said_of_each_turn(tmp_path: Path) -> None:
    one = record(tmp_path, call())
    assert (one.stream, one.source, one.bundle, one.recogniser) == (
        "call",
        "call.flac",
        "meld-small@1",
        "faster-whisper:tiny.en",
    )
    assert one.labels == tuple(MELD)
    assert one.speakers == ("agent", "customer")
    assert one.duration_s == 3603.75
    assert [(turn.turn, turn.revision, turn.emotion) for turn in one.turns] == [
        (1, 1, "neutral"),
        (2, 0, "anger"),
        (3, 0, "sadness"),
        (4, 0, "joy"),
    ]
    assert one.first_emotions == {1: "joy"}
    assert [(gap.start_s, gap.length_s) for gap in one.gaps] == [(6.5, 0.75)]


def test_the_first_that_was_said_can_be_had(tmp_path: Path) -> None:
    one = record(tmp_path, call(), first=True)
    assert [turn.emotion for turn in one.turns] == ["joy", "anger", "sadness", "joy"]
    assert one.first_emotions == {}


def test_the_latest_revision_counts_in_whatever_order_the_lines_stand(tmp_path: Path) -> None:
    events = call()
    assert record(tmp_path, reversed(events)).turns == record(tmp_path, events).turns
    assert record(tmp_path, [*events, *events]).turns == record(tmp_path, events).turns


def test_what_newer_versions_add_is_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    newer = [json.loads(line) for line in lines(call())]
    for event in newer:
        event["mood"] = {"of": ["the", "day"]}
        if "latency_ms" in event:
            event["latency_ms"]["translate"] = 1
            event["modalities"]["face"] = {"joy": 1.0}
        if "settings" in event:
            event["settings"]["more"] = True
    newer.insert(3, newer[1] | {"type": "turn.sung", "pitch": 440})
    path = tmp_path / "newer.jsonl"
    path.write_text("\n".join(map(json.dumps, newer)))
    [one] = read_records(path)
    assert [turn.emotion for turn in one.turns] == ["neutral", "anger", "sadness", "joy"]
    assert one.turns[1].model_dump()["modalities"]["face"] == {"joy": 1.0}
    assert caplog.messages == [
        f"{path}: passed over 1 line (line 4 is an event of a type that is not known here)"
    ]


def test_what_other_programs_leave_out_or_put_in_is_no_matter(tmp_path: Path) -> None:
    told = [json.loads(line) for line in lines(call())]
    for event in told:
        del event["seq"]
        event["session"] = "monday"
        for field in ("latency_ms", "modalities", "channels", "settings", "version", "duration_s"):
            event.pop(field, None)
        if event["type"] == "session.ended":
            event["reason"] = "enough"
    path = tmp_path / "foreign.jsonl"
    path.write_text("\n".join(map(json.dumps, told)))
    [one] = read_records(path)
    assert one.session == "monday"
    assert [turn.emotion for turn in one.turns] == ["neutral", "anger", "sadness", "joy"]
    assert one.ended is not None
    assert one.ended.reason == "enough"
    assert [event.seq for event in Recording(path)] == list(range(1, 10))


@pytest.mark.parametrize("cut", [1, 20, 400])
def test_a_last_line_that_is_cut_short_is_left_out_and_said(
    tmp_path: Path, cut: int, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path / "killed.jsonl", call()[:5])
    with path.open("a") as file:
        file.write(lines(call())[5][:cut])
    [one] = read_records(path)
    assert [turn.turn for turn in one.turns] == [1, 2, 3]
    assert one.ended is None
    assert caplog.messages == [f"{path}: passed over 1 line (line 6, the last, is cut short)"]


def test_a_line_that_is_cut_inside_a_letter_is_cut_short_too(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path / "killed.jsonl", call()[:5])
    with path.open("ab") as file:
        file.write('{"text": "é'.encode()[:-1])
    read_records(path)
    assert caplog.messages == [f"{path}: passed over 1 line (line 6, the last, is cut short)"]


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ('{"type": "turn.fi', "line 3 is no JSON object"),
        ("turn 2: anger", "line 3 is no JSON object"),
        ("[1, 2]", "line 3 is no event"),
        ('{"emotion": "joy"}', "line 3 is no event"),
        ('{"type": "turn.final", "stream": "a", "session": "b"}', "line 3, turn.final: at: Field required"),
        ("[" * 100_000, "line 3 is no JSON object"),
    ],
)
def test_a_broken_line_is_named_and_the_others_are_read(
    tmp_path: Path, broken: str, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "broken.jsonl"
    whole = lines(call())
    path.write_text("\n".join([*whole[:2], broken, *whole[2:]]))
    [one] = read_records(path)
    assert [turn.turn for turn in one.turns] == [1, 2, 3, 4]
    [said] = caplog.messages
    assert message in said
    assert said.startswith(f"{path}: passed over 1 line (line 3")
    assert "\n" not in said


@pytest.mark.parametrize(
    "change",
    [
        {"end_s": 0.1},
        {"start_s": "soon"},
        {"start_s": float("nan")},
        {"probabilities": {"joy": 3}},
        {"valence": 7},
        {"emotion": None},
    ],
)
def test_a_turn_that_cannot_be_is_named(
    tmp_path: Path, change: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "odd.jsonl"
    path.write_text(json.dumps(json.loads(lines(call())[2]) | change) + "\n" + lines(call())[0])
    [one] = read_records(path)
    assert one.turns == ()
    assert "passed over 1 line (line 1" in caplog.text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "holds no events"),
        (b"\n\n", "holds no events"),
        (b"\x00\xff\xfe", "line 1 is not in UTF-8"),
        (b"RIFF", "line 1 is no JSON"),
        (b'{"a": 1}\n', "line 1 is no event"),
        (b'{"type": "turn.fi', "holds no events.*line 1, the last, is cut short"),
    ],
)
def test_a_file_without_a_session_is_said(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "other.jsonl"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_records(path)


def test_files_that_are_not_there_and_folders_are_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        read_records(tmp_path / "missing.jsonl")
    with pytest.raises(InputError, match="is a folder"):
        read_records(tmp_path)


def test_a_session_without_its_beginning_is_read(tmp_path: Path) -> None:
    one = record(tmp_path, call()[3:])
    assert (one.began, one.source, one.bundle) == (None, "call", "meld-small@1")
    assert one.labels[0] in MELD
    assert [turn.turn for turn in one.turns] == [1, 2, 3, 4]


def test_a_session_that_was_killed_before_any_turn_is_read(tmp_path: Path) -> None:
    one = record(tmp_path, call()[:1])
    assert (one.turns, one.duration_s, one.ended) == ((), 0.0, None)


def test_windows_and_other_editors_leave_it_readable(tmp_path: Path) -> None:
    path = tmp_path / "windows.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines(call())).encode() + b"\r\n\r\n")
    [one] = read_records(path)
    assert len(one.turns) == 4


def test_standard_input_is_read(tmp_path: Path) -> None:
    with on_standard_input(write(tmp_path / "events.jsonl", call())):
        [one] = read_records("-")
    assert len(one.turns) == 4


def test_sessions_that_are_mixed_in_one_file_are_told_apart_and_chosen(tmp_path: Path) -> None:
    mixed = [event for pair in zip(call("a"), call("b"), strict=True) for event in pair]
    records = read_records(write(tmp_path / "both.jsonl", mixed))
    assert [one.stream for one in records] == ["a", "b"]
    assert all(len(one.turns) == 4 for one in records)
    assert choose(records, None, "both") == records
    for wanted in ("b", "2", records[1].session, records[1].session.lower()):
        assert choose(records, wanted, "both") == [records[1]]
    with pytest.raises(InputError, match=r"no session 'c': choose --session 1 \(a\), 2 \(b\)"):
        choose(records, "c", "both.jsonl")
    with pytest.raises(InputError, match="more than one session 'a'"):
        choose(read_records(write(tmp_path / "twice.jsonl", [*call("a"), *call("a")])), "a", "twice.jsonl")


def test_turns_that_overlap_are_put_side_by_side(tmp_path: Path) -> None:
    rows = side_by_side(record(tmp_path, call()).turns)
    assert [[turn.turn for turn in row] for row in rows] == [[1, 2, 4], [3]]


def test_ten_thousand_turns_with_all_their_revisions_are_kept_twice_at_most(tmp_path: Path) -> None:
    sample = Sample()
    events = [sample.revised(1, revision=number, valence=-number / 1000) for number in range(1, 500)]
    one = record(tmp_path, events)
    assert (one.turns[0].revision, one.turns[0].valence) == (499, -0.499)
