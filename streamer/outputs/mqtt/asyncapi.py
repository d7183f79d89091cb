"""The AsyncAPI document of the topics and payloads: asyncapi.yaml, with the schemas of the events."""

import json
from pathlib import Path

import yaml
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from streamer.events import TurnFinal, TurnPartial, TurnRevised
from streamer.outputs.mqtt.topics import State
from streamer.version import VERSION

_MODELS: tuple[type[BaseModel], ...] = (TurnFinal, TurnRevised, TurnPartial, State)


def document() -> str:
    """The document, as YAML."""
    _, definitions = models_json_schema(
        [(model, "serialization") for model in _MODELS], ref_template="#/components/schemas/{model}"
    )
    content = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text("utf-8"))
    content["info"]["version"] = VERSION
    content["components"]["schemas"] = definitions["$defs"] | content["components"]["schemas"]
    spelled_out = json.loads(json.dumps(content))  # what is said twice is repeated, not pointed at
    return yaml.safe_dump(spelled_out, sort_keys=False, allow_unicode=True, width=110)
