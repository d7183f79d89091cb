"""How a stream becomes a device of Home Assistant: its discovery message, without any input or output.

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
"""Of an entity, in characters: Home Assistant takes no longer one."""
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
)


def device_id(base: str) -> str:
    """Name a stream's device, of letters, digits, - and _ alone: unique to what its topics begin with."""
    if re.fullmatch(r"[A-Za-z0-9-]+/[A-Za-z0-9_-]+", base):
        return base.replace("/", "_")
    readable = re.sub(r"[^A-Za-z0-9_-]+", "_", base).strip("_")
    return f"{readable}_{hashlib.sha256(base.encode()).hexdigest()[:8]}"


def config_topic(discovery_prefix: str, base: str) -> str:
    """Where the device is made known."""
    return f"{discovery_prefix}/device/{device_id(base)}/config"


def announcement(
    discovery_prefix: str, base: str, stream: str, labels: Sequence[str], bundle: str, *, words: bool
) -> Message:
    """The message that makes a stream known.

    Args:
        discovery_prefix: first levels of the topic, as set in Home Assistant.
        base: what all topics of the stream begin with.
        stream: its name.
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
            name: {**entity, "unique_id": f"{device_id(base)}_{name}"}
            for name, entity in _entities(base, labels, words=words).items()
        },
    }
    return Message(
        config_topic(discovery_prefix, base), json.dumps(config, ensure_ascii=False), qos=1, retain=True
    )


def removal(discovery_prefix: str, base: str) -> list[Message]:
    """The messages after which nothing is left of a stream, neither at the broker nor in Home Assistant."""
    topics = [config_topic(discovery_prefix, base), f"{base}/state", f"{base}/availability"]
    return [Message(topic, "", qos=1, retain=True) for topic in topics]


def _entities(base: str, labels: Sequence[str], *, words: bool) -> Mapping[str, dict[str, Any]]:
    entities: dict[str, dict[str, Any]] = {
        "emotion": {
            "p": "sensor",
            "name": "Emotion",
            "icon": "mdi:emoticon-outline",
            "device_class": "enum",
            "options": list(labels),
            "value_template": _template("value_json.emotion"),
            "json_attributes_topic": f"{base}/state",
        },
        "confidence": {
            "p": "sensor",
            "name": "Confidence",
            "icon": "mdi:percent-outline",
            "unit_of_measurement": "%",
            "state_class": "measurement",
            "suggested_display_precision": 0,
            "value_template": _template("(value_json.confidence * 100) | round(1)"),
        },
        "valence": {
            "p": "sensor",
            "name": "Valence",
            "icon": "mdi:plus-minus-variant",
            "state_class": "measurement",
            "suggested_display_precision": 2,
            "value_template": _template("value_json.valence"),
        },
        "turn": {
            "p": "event",
            "name": "Turn",
            "icon": "mdi:account-voice",
            "state_topic": f"{base}/turn",
            "event_types": ["final", "revised"],
            "value_template": _turn_template(),
        },
    }
    if words:
        entities["words"] = {
            "p": "sensor",
            "name": "Words spoken",
            "icon": "mdi:counter",
            "unit_of_measurement": "words",
            "state_class": "total_increasing",
            "value_template": _template("value_json.words"),
        }
        entities["text"] = {
            "p": "sensor",
            "name": "Last words",
            "icon": "mdi:format-quote-close",
            "state_topic": f"{base}/turn",
            "value_template": _template(
                f"value_json.text[:{_LONGEST_STATE}] if value_json.type == 'turn.final' else this.state"
            ),
        }
    return entities


def _turn_template() -> str:
    attributes = ", ".join(f"'{name}': value_json.{name}" for name in _TURN_ATTRIBUTES)
    return _template("{'event_type': value_json.type[5:], " + attributes + "} | to_json")


def _template(expression: str) -> str:
    return "{{ " + expression + " }}"
