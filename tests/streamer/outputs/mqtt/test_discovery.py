"""Discovery messages, against the fields that Home Assistant documents."""

import json
import re
from typing import Any

import pytest
from jinja2.sandbox import ImmutableSandboxedEnvironment

from streamer.outputs.mqtt.discovery import announcement, config_topic, device_id, removal
from streamer.outputs.mqtt.messages import StreamMessages
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
    unique = [entity["unique_id"] for entity in config["cmps"].values()]
    assert len(set(unique)) == len(unique) >= 1
    for entity in config["cmps"].values():
        assert entity.keys() <= FIELDS[entity["p"]]
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


def render(template: str, payload: str, this: str = "before") -> str:
    """What Home Assistant makes of a payload."""
    environment = ImmutableSandboxedEnvironment()
    environment.filters["to_json"] = json.dumps
    values = {"value": payload, "value_json": json.loads(payload), "this": {"state": this}}
    return environment.from_string(template).render(values)


def test_a_device_with_its_entities() -> None:
    config = announce()
    assert set(config["cmps"]) == {"emotion", "confidence", "valence", "words", "text", "turn"}
    assert config["cmps"]["emotion"]["options"] == MELD
    assert config["cmps"]["emotion"]["unique_id"] == "merits_kitchen_emotion"
    assert config["availability"] == [{"topic": "merits/kitchen/availability"}]
    assert config["dev"]["name"] == "MERITS kitchen"


def test_templates_find_what_is_published() -> None:
    cmps, messages, sample = announce()["cmps"], StreamMessages("merits", "kitchen"), Sample()
    turn, state = messages.of(sample.final(3, "joy", 0.7, speaker="A", valence=0.5, sentiment="positive"))
    values = {
        name: render(cmps[name]["value_template"], state.payload)
        for name in ("emotion", "confidence", "valence", "words")
    }
    assert values == {"emotion": "joy", "confidence": "70.0", "valence": "0.5", "words": "6"}
    event = json.loads(render(cmps["turn"]["value_template"], turn.payload))
    assert event["event_type"] in cmps["turn"]["event_types"]
    assert (event["emotion"], event["turn"], event["speaker"]) == ("joy", 3, "A")
    assert render(cmps["text"]["value_template"], turn.payload) == "I can't believe you did that!"
    (revised,) = messages.of(sample.revised(1))
    assert render(cmps["text"]["value_template"], revised.payload) == "before"
    assert json.loads(render(cmps["turn"]["value_template"], revised.payload))["event_type"] == "revised"
    (long, _) = messages.of(sample.final(4, text="a" * 300))
    assert len(render(cmps["text"]["value_template"], long.payload)) == 255


def test_without_words_nothing_is_said_of_them() -> None:
    config = announce(words=False)
    assert set(config["cmps"]) == {"emotion", "confidence", "valence", "turn"}
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
