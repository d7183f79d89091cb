"""The topics and payloads as an AsyncAPI 3 document (https://www.asyncapi.com/docs/reference/specification),
made from the models of the events.
"""

from collections.abc import Mapping
from typing import Any

import yaml
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from streamer.events import TurnFinal, TurnPartial, TurnRevised
from streamer.outputs.mqtt.address import DEFAULT_PREFIX
from streamer.outputs.mqtt.topics import OFFLINE, ONLINE, State
from streamer.version import VERSION

_JSON = "application/json"
_MODELS: tuple[type[BaseModel], ...] = (TurnFinal, TurnRevised, TurnPartial, State)
_AVAILABILITY = {"type": "string", "enum": [ONLINE, OFFLINE]}
_INSTANCE = {"type": "string", "description": "Random; the same for as long as a program runs."}
_DISCOVERY = {
    "type": "object",
    "description": "https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload",
    "required": ["dev", "o", "cmps"],
    "properties": {"dev": {"type": "object"}, "o": {"type": "object"}, "cmps": {"type": "object"}},
}
_ABOUT = (
    "What MERITS Live publishes of a conversation: an emotion for every turn, as soon as it is over. "
    "Messages with QoS 1 may come more than once: session and seq together tell an event from every other "
    "one (with MQTT 5 the user property id has them as one), and seq gives their order."
)


def document() -> str:
    """The document, as YAML."""
    _, definitions = models_json_schema(
        [(model, "serialization") for model in _MODELS], ref_template="#/components/schemas/{model}"
    )
    content = {
        "asyncapi": "3.0.0",
        "info": {"title": "MERITS Live over MQTT", "version": VERSION, "description": _ABOUT},
        "defaultContentType": _JSON,
        "servers": {
            "broker": {
                "host": "localhost:1883",
                "protocol": "mqtt",
                "description": "The one that --mqtt names.",
            }
        },
        "channels": {
            "turn": _channel(
                "{prefix}/{stream}/turn",
                "Every turn when it is over, and again when later turns change what is said of it.",
                TurnFinal,
                TurnRevised,
            ),
            "state": _channel(
                "{prefix}/{stream}/state", "The latest emotion, for those who come later.", State
            ),
            "partial": _channel(
                "{prefix}/{stream}/partial", "A turn as far as it has been heard.", TurnPartial
            ),
            "availability": _channel(
                "{prefix}/{stream}/availability",
                "Whether the stream is listened to; the broker says offline too when the program is killed."
                " With MQTT 5 the user property instance tells which program says so.",
                "Availability",
            ),
            "instance": _channel(
                "{prefix}/{stream}/instance",
                "Said by programs that find another one under the same name, to each other.",
                "Instance",
            ),
            "discovery": _channel(
                "{discoveryPrefix}/device/{device}/config",
                "Makes the stream a device of Home Assistant; empty to remove it.",
                "Discovery",
            ),
        },
        "operations": {
            "sendTurn": _sends("turn", qos=1, retain=False),
            "sendState": _sends("state", qos=1, retain=True),
            "sendPartial": _sends("partial", qos=0, retain=False),
            "sendAvailability": _sends("availability", qos=1, retain=True),
            "sendInstance": _sends("instance", qos=1, retain=False),
            "sendDiscovery": _sends("discovery", qos=1, retain=True),
        },
        "components": {
            "messages": {
                **{model.__name__: _message(model.__name__, model.__doc__ or "") for model in _MODELS},
                "Availability": {
                    **_message("Availability", "Online or offline."),
                    "contentType": "text/plain",
                },
                "Instance": {**_message("Instance", "Which program."), "contentType": "text/plain"},
                "Discovery": _message("Discovery", "A device of Home Assistant."),
            },
            "parameters": {
                "prefix": {"description": "From the broker's URL.", "default": DEFAULT_PREFIX},
                "stream": {"description": "Name of the stream; / + # and control characters are -."},
                "discoveryPrefix": {"description": "As set in Home Assistant.", "default": "homeassistant"},
                "device": {"description": "Made of prefix and stream."},
            },
            "schemas": {
                **definitions["$defs"],
                "Availability": _AVAILABILITY,
                "Instance": _INSTANCE,
                "Discovery": _DISCOVERY,
            },
        },
    }
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


class _Dumper(yaml.SafeDumper):
    """Writes repeated values in full instead of as YAML aliases."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def _channel(address: str, description: str, *messages: type[BaseModel] | str) -> Mapping[str, Any]:
    names = [message if isinstance(message, str) else message.__name__ for message in messages]
    parameters = [part[1:-1] for part in address.split("/") if part.startswith("{")]
    return {
        "address": address,
        "description": description,
        "parameters": {name: {"$ref": f"#/components/parameters/{name}"} for name in parameters},
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
    }


def _sends(channel: str, *, qos: int, retain: bool) -> Mapping[str, Any]:
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{channel}"},
        "bindings": {"mqtt": {"qos": qos, "retain": retain, "bindingVersion": "0.2.0"}},
    }


def _message(name: str, summary: str) -> Mapping[str, Any]:
    return {
        "name": name,
        "summary": summary,
        "contentType": _JSON,
        "payload": {"$ref": f"#/components/schemas/{name}"},
    }
