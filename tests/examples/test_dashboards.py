"""The dashboards ask for what is published, and for nothing else."""

import json
import re
import shutil
import subprocess
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from streamer.outputs.mqtt.discovery import announcement
from tests.streamer.outputs.samples import MELD, Sample

EXAMPLES = Path(__file__).parents[2] / "examples"


def entity_ids() -> set[str]:
    """What Home Assistant calls the entities of the stream "kitchen": device and entity name, as a slug."""
    message = announcement("homeassistant", "merits/kitchen", "kitchen", MELD, "b@1", words=True)
    config = json.loads(message.payload)
    return {
        f"{entity['p']}.{config['dev']['name']}_{entity['name']}".lower().replace(" ", "_")
        for entity in config["cmps"].values()
    }


@pytest.mark.parametrize("name", ["dashboard.yaml", "automation.yaml"])
def test_home_assistant_knows_the_entities(name: str) -> None:
    text = (EXAMPLES / "home-assistant" / name).read_text()
    named = set(re.findall(r"\b(?:sensor|event)\.merits_\w+", text))
    assert named
    assert named <= entity_ids()


def test_the_home_assistant_dashboard_is_of_views_and_cards() -> None:
    dashboard = yaml.safe_load((EXAMPLES / "home-assistant" / "dashboard.yaml").read_text())
    cards = [card for view in dashboard["views"] for section in view["sections"] for card in section["cards"]]
    assert all(card["type"] for card in cards)
    automation = yaml.safe_load((EXAMPLES / "home-assistant" / "automation.yaml").read_text())
    assert {"alias", "triggers", "conditions", "actions", "mode"} <= automation.keys()


def holds(states: dict[str, Any], at: datetime) -> bool:
    """Whether the conditions of the automation let a change of states pass, asked in their order."""
    automation = yaml.safe_load((EXAMPLES / "home-assistant" / "automation.yaml").read_text())
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined)
    known = {
        "now": lambda: at,
        "as_datetime": datetime.fromisoformat,
        "timedelta": timedelta,
        "trigger": states,
    }
    return all(
        environment.from_string(condition["value_template"]).render(known).strip() == "True"
        for condition in automation["conditions"]
    )


def test_the_automation_is_for_new_angry_turns_alone() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    angry = {"event_type": "final", "emotion": "anger", "confidence": 0.7, "at": "2026-01-02T03:04:05.000Z"}

    def state(seq: int, **change: Any) -> dict[str, Any]:
        attributes = angry | {"session": "01K", "seq": seq} | change
        return {"state": "2026-01-02T03:04:05.100+00:00", "attributes": attributes}

    none: dict[str, Any] = {"attributes": {}}
    unknown, unavailable = none | {"state": "unknown"}, none | {"state": "unavailable"}
    for before, after, expected in (
        (unknown, state(1), True),
        (state(1), state(2), True),
        (state(1, session="01J"), state(1), True),
        (None, state(1), False),
        (None, unknown, False),
        (unavailable, state(1), False),
        (unavailable, unknown, False),
        (state(1), unavailable, False),
        (state(1), unknown, False),
        (state(1), None, False),
        (state(1), state(1, friendly_name="Turn"), False),
        (state(1), state(2, event_type="revised"), False),
        (state(1), state(2, emotion="joy"), False),
        (state(1), state(2, confidence=0.6), False),
        (state(1), state(2, at="2026-01-02T03:01:05.000Z"), False),
    ):
        assert holds({"from_state": before, "to_state": after}, at) == expected, (before, after)


@pytest.fixture(scope="module")
def flows() -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = json.loads((EXAMPLES / "node-red" / "flows.json").read_text())
    return nodes


def test_the_node_red_flow_is_whole(flows: list[dict[str, Any]]) -> None:
    by_id = {node["id"]: node for node in flows}
    assert len(by_id) == len(flows)
    for node in flows:
        for wire in node.get("wires", []):
            assert set(wire) <= by_id.keys()
        assert node.get("z", "merits-tab") in by_id
        for reference in ("broker", "server"):
            if "z" in node and reference in node:
                assert node[reference] in by_id
    core = {
        "tab",
        "mqtt-broker",
        "mqtt in",
        "status",
        "function",
        "websocket-listener",
        "websocket out",
        "http in",
    }
    assert {node["type"] for node in flows} <= core | {"http response", "template"}


def run_function(
    flows: list[dict[str, Any]], name: str, messages: list[Any], flow: dict[str, Any]
) -> list[Any]:
    """What a function node of Node-RED makes of messages, one after the other."""
    if (node := shutil.which("node")) is None:
        pytest.skip("there is no Node.js")
    code = next(one["func"] for one in flows if one["id"] == name)
    script = f"""
        const store = (all) => ({{ get: (key) => all[key], set: (key, value) => {{ all[key] = value; }} }});
        const run = new Function("msg", "context", "flow", {json.dumps(code)});
        const context = store({{}}), flow = store({json.dumps(flow)});
        const messages = {json.dumps(messages)};
        console.log(JSON.stringify(messages.map((msg) => run(msg, context, flow) ?? null)));
    """
    done = subprocess.run([node, "-e", script], capture_output=True, text=True, check=True, timeout=60)
    made: list[Any] = json.loads(done.stdout)
    return made


def test_node_red_passes_each_event_once_and_follows_revisions(flows: list[dict[str, Any]]) -> None:
    sample = Sample()
    events = [
        json.loads(event.model_dump_json()) for event in (sample.final(1), sample.final(2), sample.revised(1))
    ]
    messages = [
        {"topic": "merits/kitchen/turn", "payload": event}
        for event in (events[0], events[1], events[0], events[2])
    ]
    passed = run_function(flows, "merits-once", messages, {})
    assert [made is not None for made in passed] == [True, True, False, True]
    kept = run_function(flows, "merits-keep", [messages[0], messages[1], messages[3]], {})
    assert [made["payload"]["turn"]["revision"] for made in kept] == [0, 0, 1]
    assert {made["payload"]["turn"]["level"] for made in kept} == {"kitchen"}


def test_node_red_knows_streams_by_their_topics_until_they_are_removed(flows: list[dict[str, Any]]) -> None:
    turns = [{"session": "a", "turn": 1, "level": level} for level in ("kitchen", "living-room")]
    store = {"turns": turns, "online": {"living-room": True}}
    said = [
        {"topic": f"merits/{level}/availability", "payload": payload}
        for level, payload in (("kitchen", "online"), ("living-room", "offline"), ("living-room", ""))
    ]
    made = [one["payload"] for one in run_function(flows, "merits-online", said, store)]
    assert [one["online"] for one in made] == [
        {"living-room": True, "kitchen": True},
        {"kitchen": True, "living-room": False},
        {"kitchen": True},
    ]
    assert [one["removed"] for one in made] == [None, None, "living-room"]
    states = [{"status": {"fill": fill}} for fill in ("red", "green")]
    made = [one["payload"]["online"] for one in run_function(flows, "merits-afresh", states, store)]
    assert made == [{"living-room": False}, {}]


def lookup(event: dict[str, Any], path: str) -> Any:
    value: Any = event
    for part in path.split("."):
        value = value[part]
    return value


def test_telegraf_finds_its_fields_and_grafana_telegraf_s() -> None:
    telegraf = tomllib.loads((EXAMPLES / "grafana" / "telegraf.conf").read_text())
    (source,) = telegraf["inputs"]["mqtt_consumer"]
    (parser,) = source["json_v2"]
    event = json.loads(Sample().final().model_dump_json())
    for wanted in parser["tag"] + parser["field"]:
        assert lookup(event, wanted["path"]) is not None or wanted.get("optional")
    assert event[parser["timestamp_path"]]
    tags = {wanted["path"] for wanted in parser["tag"]}
    fields = {wanted.get("rename", wanted["path"]) for wanted in parser["field"]}

    dashboard = json.loads((EXAMPLES / "grafana" / "dashboard.json").read_text())
    queries = [target["query"] for panel in dashboard["panels"] for target in panel["targets"]]
    assert len(queries) == len(dashboard["panels"]) > 5
    for query in queries:
        assert set(re.findall(r'r\._field == "(\w+)"', query)) <= fields
        assert set(re.findall(r"r\.([a-z]\w*)", query)) <= tags
    sources = {json.dumps(panel["datasource"]) for panel in dashboard["panels"]}
    assert sources == {'{"type": "influxdb", "uid": "${DS_MERITS}"}'}
    assert [one["name"] for one in dashboard["__inputs"]] == ["DS_MERITS"]
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
