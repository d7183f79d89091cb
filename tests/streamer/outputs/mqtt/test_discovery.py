"""Discovery messages, against the fields that Home Assistant documents."""

import json
import re
from typing import Any

import pytest
from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from streamer.outputs.mqtt.discovery import announcement, config_topic, device_id, removal
from streamer.outputs.mqtt.topics import StreamMessages
from tests.streamer.outputs.samples import MELD, Sample

# https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload, /sensor.mqtt, /event.mqtt
SHARED = {"availability", "availability_mode", "availability_template", "availability_topic", "command_topic"}
SHARED |= {"payload_available", "payload_not_available", "state_topic", "qos", "encoding"}
DEVICE = {"cns", "cu", "hw", "ids", "mf", "mdl", "mdl_id", "name", "sa", "sn", "sw", "via_device"}
ORIGIN = {"name", "sw", "url"}
ENTITY = {"default_entity_id", "enabled_by_default", "encoding", "entity_category", "entity_picture", "icon"}
ENTITY |= {
    "json_attributes_template",
    "json_attributes_topic",
    "name",
    "p",
    "qos",
    "state_topic",
    "unique_id",
}
ENTITY |= {"value_template", "device_class", "availability", "availability_topic"}
FIELDS = {
    "sensor": ENTITY
    | {"expire_after", "force_update", "last_reset_value_template", "options", "state_class"}
    | {"suggested_display_precision", "unit_of_measurement"},
    "event": ENTITY | {"event_types"},
}
PLANE = ("valence", "arousal", "mood")
STATE_CLASSES = {"measurement", "measurement_angle", "total", "total_increasing"}


def check(topic: str, payload: str) -> dict[str, Any]:
    """Hold a discovery message against what is documented, and return it."""
    assert re.fullmatch(r"[^+#]+/device/([A-Za-z0-9_-]+/)?[A-Za-z0-9_-]+/config", topic)
    config: dict[str, Any] = json.loads(payload)
    assert config.keys() <= SHARED | {"dev", "o", "cmps"}
    assert config["dev"].keys() <= DEVICE
    assert config["dev"]["ids"]
    assert config["o"].keys() <= ORIGIN
    assert config["o"]["name"]
    assert all("topic" in one for one in config["availability"])
    unique = [entity["unique_id"] for entity in config["cmps"].values() if len(entity) > 1]
    assert len(set(unique)) == len(unique) >= 1
    for entity in config["cmps"].values():
        assert entity.keys() <= FIELDS[entity["p"]]
        if entity.keys() == {"p"}:
            continue  # to be removed
        assert "state_topic" in entity or "state_topic" in config
        if entity.get("device_class") == "enum":
            assert entity["options"]
            assert not {"state_class", "unit_of_measurement"} & entity.keys()
        assert entity.get("state_class", "measurement") in STATE_CLASSES
        if entity["p"] == "event":
            assert entity["event_types"]
    return config


def announce(words: bool = True, base: str = "merits/kitchen") -> dict[str, Any]:
    message = announcement("homeassistant", base, "kitchen", MELD, "meld-small@1", words=words)
    assert message.retain
    return check(message.topic, message.payload)


def render(template: str, payload: str, state: str = "unknown", **attributes: Any) -> str:
    """What Home Assistant makes of a payload, where the entity's state is so far this one."""
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined)
    environment.filters["to_json"] = json.dumps
    values: dict[str, Any] = {"value": payload, "this": {"state": state, "attributes": attributes}}
    if payload:
        values["value_json"] = json.loads(payload)
    return environment.from_string(template).render(values).strip()


def test_a_device_with_its_entities() -> None:
    config = announce()
    assert set(config["cmps"]) == {"emotion", "confidence", *PLANE, "words", "text", "turn"}
    assert config["cmps"]["mood"]["options"] == ["even", "excited", "tense", "low", "calm"]
    assert config["cmps"]["emotion"]["options"] == MELD
    assert config["cmps"]["emotion"]["unique_id"] == "merits_kitchen_emotion"
    assert config["availability"] == [{"topic": "merits/kitchen/availability"}]
    assert config["dev"]["name"] == "MERITS kitchen"


def test_templates_find_what_is_published() -> None:
    cmps, messages, sample = announce()["cmps"], StreamMessages("merits", "kitchen"), Sample()
    turn, state = messages.of(sample.final(3, "joy", 0.7, speaker="A", valence=0.5, sentiment="positive"))
    values = {
        name: render(cmps[name]["value_template"], state.payload)
        for name in ("emotion", "confidence", *PLANE, "words")
    }
    assert values == {
        "emotion": "joy",
        "confidence": "70.0",
        "valence": "0.5",
        "arousal": "0.41",
        "mood": "excited",
        "words": "6",
    }
    event = json.loads(render(cmps["turn"]["value_template"], turn.payload))
    assert event["event_type"] in cmps["turn"]["event_types"]
    assert (event["emotion"], event["turn"], event["speaker"]) == ("joy", 3, "A")
    assert (event["valence"], event["arousal"]) == (0.5, 0.41)
    assert (event["at"], event["session"], event["seq"]) == ("2026-01-02T03:04:05.000Z", sample.session.id, 1)
    assert render(cmps["text"]["value_template"], turn.payload) == "I can't believe you did that!"
    (revised,) = messages.of(sample.revised(1))
    assert json.loads(render(cmps["turn"]["value_template"], revised.payload))["event_type"] == "revised"


def test_a_turn_that_comes_again_is_no_event() -> None:
    template, messages = announce()["cmps"]["turn"]["value_template"], StreamMessages("merits", "kitchen")
    sample, before = Sample(), Sample()
    first, second, third = (messages.of(sample.final(turn))[0].payload for turn in (1, 2, 3))
    known = {"session": sample.session.id, "seq": 2}
    assert [render(template, payload, "2026", **known) for payload in (first, second)] == ["", ""]
    assert json.loads(render(template, third, "2026", **known))["seq"] == 3
    assert json.loads(render(template, messages.of(before.final(9))[0].payload, "2026", **known))["turn"] == 9


@pytest.mark.parametrize("payload", ["", "{}"])
def test_a_state_that_was_removed_is_none(payload: str) -> None:
    cmps = announce()["cmps"]
    for name in ("emotion", "confidence", *PLANE, "words"):
        assert render(cmps[name]["value_template"], payload) == "None"
    assert render(cmps["emotion"]["json_attributes_template"], payload) == "{}"


def test_a_session_begins_with_nothing_but_no_words() -> None:
    cmps, (state,) = announce()["cmps"], StreamMessages("merits", "kitchen").of(Sample().started())
    names = ("emotion", "confidence", *PLANE, "words")
    values = [render(cmps[name]["value_template"], state.payload) for name in names]
    assert values == ["None", "None", "None", "None", "None", "0"]


def test_a_turn_without_arousal_has_no_mood() -> None:
    cmps, messages = announce()["cmps"], StreamMessages("merits", "kitchen")
    turn, state = messages.of(Sample().final(1, arousal=None))
    values = [render(cmps[name]["value_template"], state.payload) for name in PLANE]
    assert values == ["-0.62", "None", "None"]
    old = json.dumps({key: value for key, value in json.loads(turn.payload).items() if key != "arousal"})
    assert json.loads(render(cmps["turn"]["value_template"], old))["arousal"] is None


def test_another_bundle_s_emotion_is_none() -> None:
    template, sample = announce()["cmps"]["emotion"]["value_template"], Sample(labels=[*MELD, "pride"])
    *_, state = StreamMessages("merits", "kitchen").of(sample.final(1, "pride"))
    assert render(template, state.payload) == "None"


def test_emotions_may_have_any_name() -> None:
    labels = ['so"so', "it's", "back\\slash", "zufrieden, glücklich", "😀", "{{ 1 }}", "%}"]
    message = announcement("homeassistant", "merits/kitchen", "kitchen", labels, "b@1", words=True)
    template = json.loads(message.payload)["cmps"]["emotion"]["value_template"]
    for label in labels:
        *_, state = StreamMessages("merits", "kitchen").of(Sample(labels=labels).final(1, label))
        assert render(template, state.payload) == label


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("None", "“None”"),
        (" unavailable", "“unavailable”"),
        ("unknown", "“unknown”"),
        ("none of it", "none of it"),
        ("", ""),
        (None, "None"),
        ("a" * 255, "a" * 255),
        ("a" * 256, "a" * 254 + "…"),
    ],
)
def test_words_are_no_states(text: str | None, shown: str) -> None:
    template, messages, sample = (
        announce()["cmps"]["text"]["value_template"],
        StreamMessages("m", "k"),
        Sample(),
    )
    final, _ = messages.of(sample.final(1, text=text))
    assert render(template, final.payload) == shown
    revised, _ = messages.of(sample.revised(1, text=text))
    state = "unknown" if shown == "None" else shown
    assert render(template, revised.payload, state) == shown
    assert render(template, revised.payload, "unavailable") == "None"


def test_an_event_has_room_for_its_words() -> None:
    template, messages = announce()["cmps"]["turn"]["value_template"], StreamMessages("m", "k")
    for length in (3000, 3001):
        turn, _ = messages.of(Sample().final(1, text="a" * length))
        text = json.loads(render(template, turn.payload))["text"]
        assert text == ("a" * 3000 if length == 3000 else "a" * 2999 + "…")


def test_without_words_nothing_is_said_of_them_and_their_entities_are_removed() -> None:
    config = announce(words=False)
    assert {name for name, entity in config["cmps"].items() if entity == {"p": "sensor"}} == {"words", "text"}
    assert {name for name, entity in config["cmps"].items() if len(entity) > 1} == {
        "emotion",
        "confidence",
        *PLANE,
        "turn",
    }
    (turn, _) = StreamMessages("merits", "kitchen").of(Sample().final(text=None))
    event = json.loads(render(config["cmps"]["turn"]["value_template"], turn.payload))
    assert event["text"] is None


@pytest.mark.parametrize(
    ("base", "name"),
    [
        ("merits/kitchen", "merits_kitchen"),
        ("merits/living_room-2", "merits_living_room-2"),
        ("merits/Küche", "merits_K_che_23d6a1b7"),
    ],
)
def test_devices_have_names_that_a_topic_may_hold(base: str, name: str) -> None:
    assert re.sub(r"[0-9a-f]{8}$", "HASH", device_id(base)) == re.sub(r"[0-9a-f]{8}$", "HASH", name)
    announce(base=base)


def test_different_streams_are_different_devices() -> None:
    bases = [
        "merits/a",
        "home/merits/a",
        "home_merits/a",
        "home/merits_a",
        "merits/ä",
        "merits/ö",
        "merits/a.b",
    ]
    assert len({device_id(base) for base in bases}) == len(bases)


def test_removal_empties_what_is_retained() -> None:
    messages = removal("ha", "merits/kitchen")
    assert {message.topic for message in messages} == {
        config_topic("ha", "merits/kitchen"),
        "merits/kitchen/state",
        "merits/kitchen/availability",
    }
    assert all((message.payload, message.retain) == ("", True) for message in messages)
