"""Topics and payloads."""

import json
from typing import Any

import pytest

from streamer.outbox.message import Message
from streamer.outputs.mqtt.topics import OFFLINE, StreamMessages, topic_level
from tests.streamer.outputs.samples import Sample


@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("kitchen", "kitchen"),
        ("Küche 2", "Küche 2"),
        ("a/b+c#d\x00e\n", "a-b-c-d-e-"),
        ("caf\udce9", "caf-"),
        ("", "-"),
    ],
)
def test_any_name_becomes_one_level_of_a_topic(name: str, level: str) -> None:
    assert topic_level(name) == level


def test_availability_is_retained() -> None:
    message = StreamMessages("merits", "kitchen").availability(OFFLINE)
    assert message == Message("merits/kitchen/availability", "offline", qos=1, retain=True)


def test_a_turn_goes_out_in_full_and_as_state() -> None:
    messages, sample = StreamMessages("home/merits", "kitchen"), Sample()
    words: dict[str, Any] = {"language": "en", "words_confidence": 0.9, "words": []}
    event = sample.final(3, "joy", 0.7, speaker="A", valence=0.5, sentiment="positive", **words)
    turn, state = messages.of(event)
    assert turn == Message("home/merits/kitchen/turn", event.model_dump_json(), 1, id=f"{event.session}-1")
    assert (state.topic, state.qos, state.retain) == ("home/merits/kitchen/state", 1, True)
    assert json.loads(state.payload) == {
        "emotion": "joy",
        "confidence": 0.7,
        "valence": 0.5,
        "arousal": 0.41,
        "mood": "excited",
        "sentiment": "positive",
        "speaker": "A",
        "turn": 3,
        "language": "en",
        "words_confidence": 0.9,
        "words": 6,
        "at": "2026-01-02T03:04:05.000Z",
        "session": event.session,
        "seq": event.seq,
    }


def test_state_follows_revisions_of_the_newest_turn_only() -> None:
    messages, sample = StreamMessages("merits", "kitchen"), Sample()
    messages.of(sample.final(1))
    messages.of(sample.final(2))
    assert [message.topic for message in messages.of(sample.revised(1))] == ["merits/kitchen/turn"]
    assert len(messages.of(sample.revised(2))) == 2


def test_partials_are_sent_at_most_once_and_everything_else_stays_here() -> None:
    messages, sample = StreamMessages("merits", "kitchen"), Sample()
    (partial,) = messages.of(sample.partial())
    assert (partial.topic, partial.qos, partial.retain) == ("merits/kitchen/partial", 0, False)
    for event in (sample.turn_started(), sample.gap(), sample.ended()):
        assert messages.of(event) == []


@pytest.mark.parametrize(("words", "count"), [(True, 0), (False, None)])
def test_a_session_begins_without_the_emotion_of_the_last_one(words: bool, count: int | None) -> None:
    messages, sample = StreamMessages("merits", "kitchen", words=words), Sample()
    messages.of(sample.final(1, "joy"))
    started = sample.started()
    (state,) = messages.of(started)
    assert (state.topic, state.qos, state.retain) == ("merits/kitchen/state", 1, True)
    assert json.loads(state.payload) == {
        **dict.fromkeys(("emotion", "confidence", "valence", "arousal", "mood", "sentiment")),
        **dict.fromkeys(("speaker", "turn", "language", "words_confidence")),
        "words": count,
        "at": "2026-01-02T03:04:05.000Z",
        "session": started.session,
        "seq": started.seq,
    }


def test_words_are_counted_once_a_turn_and_withheld_with_them() -> None:
    messages, sample = StreamMessages("merits", "kitchen"), Sample()
    messages.of(sample.started())
    states = [messages.of(event)[1] for event in (sample.final(1), sample.final(2), sample.revised(2))]
    assert [json.loads(state.payload)["words"] for state in states] == [6, 12, 12]
    messages.of(sample.started())
    *_, state = messages.of(sample.final(1, text=None))
    assert json.loads(state.payload)["words"] is None
