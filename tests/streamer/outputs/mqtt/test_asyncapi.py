"""The AsyncAPI document: up to date, whole, and true of what is published."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from streamer.outputs.mqtt.asyncapi import document
from streamer.outputs.mqtt.discovery import announcement
from streamer.outputs.mqtt.topics import ONLINE, StreamMessages
from tests.streamer.outputs.samples import MELD, Sample

COMMITTED = Path(__file__).parents[4] / "docs" / "asyncapi.yaml"


@pytest.fixture(scope="module")
def api() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(document())
    return loaded


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def resolve(api: dict[str, Any], reference: str) -> Any:
    value: Any = api
    for part in reference.removeprefix("#/").split("/"):
        value = value[part]
    return value


def test_what_is_committed_is_what_merits_mqtt_asyncapi_prints() -> None:
    assert COMMITTED.read_text("utf-8") == document(), "run: merits mqtt asyncapi > docs/asyncapi.yaml"


def test_every_reference_leads_somewhere(api: dict[str, Any]) -> None:
    found = set(references(api))
    assert len(found) > 20
    for reference in found:
        assert resolve(api, reference) is not None


def test_messages_are_as_it_says(api: dict[str, Any]) -> None:
    messages, sample = StreamMessages("merits", "kitchen"), Sample()
    published = [
        message
        for event in (sample.partial(), sample.final(2), sample.revised(2))
        for message in messages.of(event)
    ]
    for message in published:
        channel = message.topic.rsplit("/", 1)[1]
        operation = next(
            one for one in api["operations"].values() if one["channel"]["$ref"] == f"#/channels/{channel}"
        )
        assert operation["bindings"]["mqtt"]["qos"] == message.qos
        assert operation["bindings"]["mqtt"]["retain"] == message.retain
        payloads = [
            resolve(api, one["$ref"])["payload"] for one in api["channels"][channel]["messages"].values()
        ]
        schema = {"anyOf": payloads, "components": api["components"]}
        jsonschema.Draft202012Validator(schema).validate(json.loads(message.payload))
    schemas = api["components"]["schemas"]
    jsonschema.validate(ONLINE, schemas["Availability"])
    known = announcement("homeassistant", "merits/kitchen", "kitchen", MELD, "b@1", words=True)
    jsonschema.validate(json.loads(known.payload), schemas["Discovery"])
