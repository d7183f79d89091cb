"""Events: what is refused, what a line looks like, and that every line satisfies the published schema."""

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from streamer.events import (
    AudioDeviceBack,
    AudioDeviceLost,
    AudioGap,
    Event,
    Health,
    Latency,
    Mark,
    QueueHealth,
    Session,
    SessionEnded,
    SessionSettings,
    SessionStarted,
    TurnFinal,
    TurnPartial,
    TurnRevised,
    TurnStarted,
    event_schema,
    parse_event,
    read_event,
    round_probabilities,
)

MELD = ["neutral", "joy", "sadness", "anger", "surprise", "fear", "disgust"]
JUDGED: dict[str, Any] = {
    "turn": 5,
    "speaker": None,
    "start_s": 12.48,
    "end_s": 15.02,
    "text": "I can't believe you did that! — naïve 😀",
    "emotion": "anger",
    "confidence": 0.81,
    "probabilities": {"anger": 0.81, "neutral": 0.19},
    "sentiment": "negative",
    "valence": -0.62,
    "arousal": 0.41,
    "modalities": {"text": {"anger": 0.7, "neutral": 0.3}},
    "latency_ms": Latency(endpoint=500, transcribe=0, embed=0, context=3, total=4.04),
    "recogniser": "faster-whisper:base.en",
    "bundle": "meld-small@1",
}


def clock() -> datetime:
    return datetime(2026, 1, 2, 3, 4, 5, 678_999, tzinfo=UTC)


def one_of_each() -> list[Event]:
    session = Session("kitchen", now=clock)
    return [
        SessionStarted(
            **session.stamp(),
            source="kitchen.wav",
            channels=1,
            bundle="meld-small@1",
            recogniser="faster-whisper:tiny.en",
            labels=MELD,
            settings=SessionSettings(window=32, endpoint_ms=500),
            version="0.1.0",
        ),
        TurnStarted(**session.stamp(), turn=1, speaker="A", start_s=0.5),
        TurnPartial(
            **session.stamp(), turn=1, speaker="A", start_s=0.5, text=None, emotion="joy", confidence=0.4
        ),
        TurnFinal(**session.stamp(), **JUDGED),
        TurnRevised(**session.stamp(), **JUDGED, revision=1),
        Mark(**session.stamp(), at_s=2),
        AudioGap(**session.stamp(), start_s=1, length_s=0.02, reason="overflow"),
        AudioDeviceLost(**session.stamp(), device="USB", reason="unplugged"),
        AudioDeviceBack(**session.stamp(), device="USB", lost_s=3),
        Health(
            **session.stamp(),
            status="degraded",
            message="partials are shed",
            queues={"turns": QueueHealth(depth=8, limit=8, shed=0)},
        ),
        SessionEnded(
            **session.stamp(),
            reason="error: the disk is full",
            turns=1,
            audio_s=3,
            gaps=1,
            gap_s=0.02,
            duration_s=4,
        ),
    ]


def test_every_event_is_one_line_that_the_schema_accepts_and_that_reads_back() -> None:
    validator = Draft202012Validator(event_schema())
    validator.check_schema(event_schema())
    for seq, event in enumerate(one_of_each(), start=1):
        line = event.model_dump_json()
        assert "\n" not in line
        document = json.loads(line)
        validator.validate(document)
        assert list(document)[:5] == ["type", "stream", "session", "seq", "at"]
        assert document["seq"] == seq
        assert document["at"] == "2026-01-02T03:04:05.678Z"
        assert parse_event(line) == event
        assert parse_event(line).model_dump_json() == line


def test_the_schema_covers_eleven_types_and_describes_every_field() -> None:
    schema = event_schema()
    types = set()
    for ref in schema["oneOf"]:
        definition = schema["$defs"][ref["$ref"].removeprefix("#/$defs/")]
        types.add(definition["properties"]["type"]["const"])
    assert types == {event.type for event in one_of_each()}
    assert len(types) == 11
    for definition in schema["$defs"].values():
        assert definition["additionalProperties"] is False
        assert set(definition["required"]) == set(definition["properties"])
        for name, field in definition["properties"].items():
            assert field["description"], name
            if name.endswith("_s"):
                assert "seconds" in field["description"], name


@pytest.mark.parametrize(
    "change",
    [
        {"type": "turn.unheard_of"},
        {"seq": 0},
        {"at": "2026-01-02 03:04"},
        {"session": "not a ulid"},
        {"valence": 1.5},
        {"arousal": -1.5},
        {"extra": 1},
        {"turn": None},
        {"modalities": {"smell": {"anger": 1.0}}},
        {"start_s": -1.0},
        {"latency_ms": {"total": 1.0}},
    ],
)
def test_what_is_no_event_is_refused_by_schema_and_parser_alike(change: dict[str, Any]) -> None:
    document = json.loads(one_of_each()[3].model_dump_json()) | change
    assert not Draft202012Validator(event_schema()).is_valid(document)
    with pytest.raises(ValidationError):
        parse_event(json.dumps(document))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"end_s": 12.0}, "before it starts"),
        ({"emotion": "joy"}, "not the probability"),
        ({"confidence": 0.5}, "not the probability"),
        ({"probabilities": {"anger": 0.81}}, "sum to 1"),
        ({"probabilities": {"anger": 0.81, "joy": math.nan}}, "finite"),
        ({"probabilities": {}}, "sum to 1"),
        ({"start_s": math.inf}, "finite"),
    ],
)
def test_a_turn_that_contradicts_itself_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TurnFinal(**Session("kitchen").stamp(), **(JUDGED | change))


def test_numbers_are_published_as_precisely_as_they_mean_something() -> None:
    change = {"start_s": 12.480_062_5, "valence": -0.123_456_789, "confidence": 0.810_000_04}
    change |= {"arousal": 0.000_000_4}
    event = TurnFinal(**Session("kitchen").stamp(), **(JUDGED | change))
    assert (event.start_s, event.valence, event.arousal) == (12.48, -0.123_457, 0.0)
    assert event.confidence == 0.81
    assert event.latency_ms.total == 4.0


def test_events_of_before_arousal_are_read() -> None:
    document = json.loads(one_of_each()[3].model_dump_json())
    del document["arousal"]
    for event in (parse_event(json.dumps(document)), read_event(document, 1)):
        assert isinstance(event, TurnFinal)
        assert event.arousal is None
        assert json.loads(event.model_dump_json())["arousal"] is None


def test_a_file_name_that_is_no_unicode_is_still_published() -> None:
    event = TurnStarted(**Session("caf\udce9.wav").stamp(), turn=1, speaker=None, start_s=0)
    assert event.stream == "caf?.wav"
    assert parse_event(event.model_dump_json()) == event


def test_events_do_not_change() -> None:
    event = one_of_each()[1]
    with pytest.raises(ValidationError, match="frozen"):
        event.seq = 7  # type: ignore[misc]


def test_sessions_sort_by_the_time_they_began_and_count_for_themselves() -> None:
    earlier = Session("a", now=clock)
    later = Session("a", now=lambda: clock() + timedelta(seconds=1))
    assert earlier.id < later.id
    assert [earlier.stamp()["seq"] for _ in range(3)] == [1, 2, 3]
    assert later.stamp()["seq"] == 1


@given(
    st.lists(st.floats(min_value=0, max_value=1e3), min_size=1, max_size=28).filter(lambda ps: sum(ps) > 1e-3)
)
def test_rounded_probabilities_sum_to_one_and_stay_close(weights: list[float]) -> None:
    total = math.fsum(weights)
    exact = {str(i): weight / total for i, weight in enumerate(weights)}
    rounded = round_probabilities(exact)
    read_back = json.loads(json.dumps(rounded))
    assert math.isclose(sum(read_back.values()), 1, abs_tol=1e-9)
    assert all(abs(read_back[label] - p) <= 1e-6 for label, p in exact.items())
    assert all(len(f"{p:.10f}".rstrip("0")) <= len("0.123456") for p in read_back.values())
    assert round_probabilities(rounded) == rounded
