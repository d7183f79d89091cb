"""Home Assistant discovery: the message that announces a stream as a device. Pure: no input or output.

One retained message describes the device with all its entities, an empty one removes it ("device discovery":
https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload, Home Assistant 2024.11 and later).
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from streamer.outputs.outbox.message import Message
from streamer.version import VERSION

ORIGIN = "MERITS Live"
_LONGEST_STATE = 255
"""Most characters of an entity's state in Home Assistant."""
_LONGEST_ATTRIBUTE = 3000
"""Most characters: Home Assistant drops attributes of more than 16384 bytes, with a warning."""
_NO_STATES = ("None", "unknown", "unavailable")
"""The payload that Home Assistant interprets as an unknown state."""
_TURN_ATTRIBUTES = (
    "emotion",
    "confidence",
    "valence",
    "sentiment",
    "text",
    "speaker",
    "turn",
    "revision",
    "start_s",
    "end_s",
    "session",
    "seq",
    "at",
)
_WORDS = ("words", "text")
"""Entities that are left out if words are withheld."""


def device_id(base: str) -> str:
    """The identifier of a stream's device, of letters, digits, - and _: unique for its topic base."""
    if re.fullmatch(r"[A-Za-z0-9-]+/[A-Za-z0-9_-]+", base):
        return base.replace("/", "_")
    readable = re.sub(r"[^A-Za-z0-9_-]+", "_", base).strip("_")
    return f"{readable}_{hashlib.sha256(base.encode()).hexdigest()[:8]}"


def config_topic(discovery_prefix: str, base: str) -> str:
    """The topic of the device's discovery message."""
    return f"{discovery_prefix}/device/{device_id(base)}/config"


def announcement(
    discovery_prefix: str, base: str, stream: str, labels: Sequence[str], bundle: str, *, words: bool
) -> Message:
    """The discovery message of a stream.

    Args:
        discovery_prefix: first levels of the topic, as set in Home Assistant.
        base: common beginning of the stream's topics.
        stream: name of the stream.
        labels: the emotions that its turns can carry.
        bundle: the trained models in use.
        words: whether words are published.
    """
    config = {
        "dev": {
            "ids": [device_id(base)],
            "name": f"MERITS {stream}",
            "mf": "MERITS Live",
            "mdl": bundle,
            "sw": VERSION,
        },
        "o": {"name": ORIGIN, "sw": VERSION},
        "availability": [{"topic": f"{base}/availability"}],
        "state_topic": f"{base}/state",
        "qos": 1,
        "cmps": {
            name: {"p": entity["p"]}  # removes the entity, if it exists
            if name in _WORDS and not words
            else {**entity, "unique_id": f"{device_id(base)}_{name}"}
            for name, entity in _entities(base, labels).items()
        },
    }
    return Message(
        config_topic(discovery_prefix, base), json.dumps(config, ensure_ascii=False), qos=1, retain=True
    )


def removal(discovery_prefix: str, base: str) -> list[Message]:
    """The messages that remove everything about a stream from the broker and Home Assistant."""
    topics = [config_topic(discovery_prefix, base), f"{base}/state", f"{base}/availability"]
    return [Message(topic, "", qos=1, retain=True) for topic in topics]


def _entities(base: str, labels: Sequence[str]) -> Mapping[str, dict[str, Any]]:
    return {
        "emotion": {
            "p": "sensor",
            "name": "Emotion",
            "icon": "mdi:emoticon-outline",
            "device_class": "enum",
            "options": list(labels),
            "value_template": _of_state("emotion", f"found if found in {_literal(labels)} else none"),
            "json_attributes_topic": f"{base}/state",
            "json_attributes_template": _template("value if value_json is mapping else '{}'"),
        },
        "confidence": {
            "p": "sensor",
            "name": "Confidence",
            "icon": "mdi:percent-outline",
            "unit_of_measurement": "%",
            "state_class": "measurement",
            "suggested_display_precision": 0,
            "value_template": _of_state(
                "confidence", "(found * 100) | round(1) if found is number else none"
            ),
        },
        "valence": {
            "p": "sensor",
            "name": "Valence",
            "icon": "mdi:plus-minus-variant",
            "state_class": "measurement",
            "suggested_display_precision": 2,
            "value_template": _of_state("valence"),
        },
        "turn": {
            "p": "event",
            "name": "Turn",
            "icon": "mdi:account-voice",
            "state_topic": f"{base}/turn",
            "availability": [],  # turns may come late, after the stream has ended
            "event_types": ["final", "revised"],
            "value_template": _turn_template(),
        },
        "words": {
            "p": "sensor",
            "name": "Words spoken",
            "icon": "mdi:counter",
            "unit_of_measurement": "words",
            "state_class": "total_increasing",
            "value_template": _of_state("words"),
        },
        "text": {
            "p": "sensor",
            "name": "Last words",
            "icon": "mdi:format-quote-close",
            "state_topic": f"{base}/turn",
            "value_template": _text_template(),
        },
    }


def _of_state(name: str, expression: str = "found") -> str:
    """A template over the value `found` under a name in the latest state; none after its removal."""
    state = "(value_json if value_json is mapping else {})"
    return f"{{% set found = {state}.get('{name}') %}}" + _template(expression)


def _text_template() -> str:
    """The template of the last words, which a revision does not change."""
    before = f"none if this.state in {_literal(_NO_STATES)} else this.state"
    return (
        f"{{% set words = value_json.text if value_json.type == 'turn.final' else ({before}) %}}"
        f"{{% if words is string and words | trim in {_literal(_NO_STATES)} %}}“{{{{ words | trim }}}}”"
        "{% else %}" + _template(_cut("words", _LONGEST_STATE)) + "{% endif %}"
    )


def _turn_template() -> str:
    """The template of a turn's event; empty for a duplicate, which the last event's attributes reveal."""
    attributes = {name: f"value_json.{name}" for name in _TURN_ATTRIBUTES}
    attributes |= {"event_type": "value_json.type[5:]", "text": _cut("value_json.text", _LONGEST_ATTRIBUTE)}
    pairs = ", ".join(f"'{name}': {value}" for name, value in attributes.items())
    return (
        "{% if value_json.session != this.attributes.session | default(none)"
        " or value_json.seq > this.attributes.seq | default(0) %}"
        + _template(f"{{{pairs}}} | to_json")
        + "{% endif %}"
    )


def _cut(text: str, length: int) -> str:
    """A template expression: `text`, cut to `length` characters."""
    return f"({text}[:{length - 1}] ~ '…' if {text} is string and {text} | length > {length} else {text})"


def _literal(texts: Sequence[str]) -> str:
    """A list in template syntax."""
    return json.dumps(list(texts), ensure_ascii=False)


def _template(expression: str) -> str:
    return "{{ " + expression + " }}"
