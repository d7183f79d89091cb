"""Home Assistant discovery: the message that announces a stream as a device. Pure: no input or output.

One retained message describes the device with all its entities, an empty one removes it ("device discovery":
https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload, Home Assistant 2024.11 and later).
"""

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from streamer.outbox.message import Message
from streamer.outputs.mood import Mood
from streamer.version import VERSION

ORIGIN = "MERITS Live"
_TEMPLATE = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text("utf-8"))
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
    """The discovery message of a stream."""
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


def _entities(base: str, labels: Sequence[str]) -> dict[str, dict[str, Any]]:
    lists: dict[str, list[str]] = {"LABELS": list(labels), "MOODS": list(Mood)}
    stands_for = {"BASE": base, "LABELS": json.dumps(lists["LABELS"], ensure_ascii=False)}

    def filled(value: Any) -> Any:
        if isinstance(value, str):
            if value in lists:
                return lists[value]
            return re.sub("BASE|LABELS", lambda found: stands_for[found[0]], value)
        return value

    return {
        name: {field: filled(value) for field, value in entity.items()} for name, entity in _TEMPLATE.items()
    }
