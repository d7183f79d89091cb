"""Those who watch: what came before they did, then what happens, whoever else watches or does not read."""

import asyncio
import json
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin, Subprotocol

from streamer.events import parse_event
from streamer.outputs.mood import EVEN_WITHIN
from streamer.outputs.palette import looks
from streamer.server.watchers.history import History
from streamer.settings.settings import Settings
from streamer.turn_embedding.analyzer import Analyzer
from tests.streamer.server.made_up import MadeUp
from tests.streamer.server.serving import Event, read, send, serving, start, until
from tests.streamer.sound import conversation

BEGINNING = conversation()[:160_000].tobytes()


def watching(url: str) -> Any:
    return connect(url.removesuffix("streams/") + "watch")


async def so_far(websocket: ClientConnection) -> list[Event]:
    """What a newcomer is told before `watch.ready`."""
    messages: list[Event] = []
    while not messages or messages[-1]["type"] != "watch.ready":
        messages.append(json.loads(await websocket.recv()))
    return messages


def history(messages: list[Event]) -> list[Event]:
    return [event for each in messages if each["type"] == "watch.history" for event in each["events"]]


async def test_streams_are_watched_from_before_to_after(analyzer: Analyzer, settings: Settings) -> None:
    async with serving(analyzer, settings) as (url, _), watching(url) as early:
        first, ready = await so_far(early)
        assert (first["type"], first["words"], ready["type"]) == ("watch.started", True, "watch.ready")
        assert list(first["looks"]) == list(analyzer.bundle.labels)
        assert first["looks"]["joy"]["symbol"] == looks(["joy"])["joy"].symbol
        assert first["moods"]["even_within"] == EVEN_WITHIN
        assert first["moods"]["sides"]["tense"] == [-1, 1]
        async with connect(f"{url}kitchen") as client:
            await client.send(start(live=True))
            await send(client, BEGINNING, end=False)
            heard: dict[str, Event] = {}
            while not heard.keys() >= {"levels", "turn.final"}:
                message: Event = json.loads(await early.recv())
                heard[message["type"]] = message
            assert -90 <= heard["levels"]["dbfs"]["kitchen"] <= 0
            async with watching(url) as late:
                caught_up = history(await so_far(late))
                assert caught_up[0]["type"] == "session.started"
                assert [each["type"] for each in caught_up].count("turn.final") >= 1
                await client.send('{"type": "end"}')
                told = (await read(client)).messages
                assert (await until(early, "session.ended")) == told[-1]
                rest: list[Event] = []
                while not rest or rest[-1]["type"] != "session.ended":
                    rest.append(json.loads(await late.recv()))
        events = [each for each in rest if each["type"] != "levels"]
        seen = {each["seq"] for each in caught_up} | {each["seq"] for each in events}
        finals = {each["seq"] for each in told if each["type"] == "turn.final"}
        assert finals <= seen, "nothing is lost between what was and what comes"
        assert [each["seq"] for each in events] == list(range(events[0]["seq"], told[-1]["seq"] + 1))
        async with watching(url) as afterwards:
            kept = history(await so_far(afterwards))
    assert kept[-1] == told[-1], "an ended session can still be looked at"


async def test_onlookers_say_nothing_and_are_limited(analyzer: Analyzer, settings: Settings) -> None:
    async with serving(analyzer, settings, max_onlookers=1) as (url, _), watching(url) as one:
        async with watching(url) as another:
            told = await read(another)
            assert (told.error, told.close_code) == ("too_many_onlookers", 4429)
        await one.send("{}")
        told = await read(one)
        assert (told.error, told.close_code) == ("bad_message", 4400)


async def test_onlookers_leave_with_the_server(analyzer: Analyzer, settings: Settings) -> None:
    async with serving(analyzer, settings) as (url, _):
        websocket = await watching(url)
    told = await read(websocket)
    assert (told.error, told.close_code) == ("shutting_down", 1001)


@pytest.mark.slow
async def test_one_that_does_not_read_holds_up_nobody(analyzer: Analyzer, settings: Settings) -> None:
    async with (
        serving(analyzer, settings, pending_events=16, send_buffer=4_096) as (url, streams),
        watching(url) as reader,
        watching(url) as sleeper,
    ):
        sleeper.transport.pause_reading()
        talk = MadeUp("kitchen")
        streams.watchers.tell(talk.started())
        for _ in range(3_000):
            for event in talk.turn():
                streams.watchers.tell(event)
            await asyncio.sleep(0)
        streams.watchers.tell(talk.ended())
        assert (await until(reader, "session.ended"))["turns"] == 3_000
        sleeper.transport.resume_reading()
        assert (await until(sleeper, "events.shed"))["count"] > 0


async def test_a_token_guards_the_streams_but_not_the_page(
    analyzer: Analyzer, settings: Settings, tmp_path: Path
) -> None:
    token = "correct-horse-battery-staple"
    (tmp_path / "token").write_text(token)
    async with serving(analyzer, settings, token_file=tmp_path / "token") as (url, _):
        with pytest.raises(InvalidStatus, match="401"):
            await watching(url)
        address = url.removesuffix("streams/") + "watch"
        offers = [Subprotocol("merits.v1"), Subprotocol(f"merits.token.{token}")]
        port = int(url.split("/")[2].split(":")[1])
        named = f"ws://home.example:{port}/v1/watch"
        for at, origin in ((address, None), (named, Origin(f"http://home.example:{port}"))):
            names = connect(at, subprotocols=offers, origin=origin, host="127.0.0.1", port=port)
            async with names as websocket:
                assert websocket.subprotocol == "merits.v1"
        with pytest.raises(InvalidStatus, match="403"):
            await connect(address, subprotocols=offers, origin=Origin("https://evil.example"))
        page = url.replace("ws", "http", 1).removesuffix("v1/streams/")
        headers, text = await asyncio.to_thread(fetch, page)
        assert "script-src 'self'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["cache-control"] == "no-cache"
        files = [part.split('"')[0] for part in text.split('"/')[1:]]
        assert len(files) == 3
        for file in files:
            headers, _ = await asyncio.to_thread(fetch, page + file)
            assert "immutable" in headers["cache-control"]
        assert (await asyncio.to_thread(fetch, page, headers["etag"]))[1] == text, "another file's tag"


def fetch(url: str, etag: str = "") -> tuple[dict[str, str], str]:
    with urlopen(Request(url, headers={"If-None-Match": etag} if etag else {})) as response:
        return {name.lower(): value for name, value in response.headers.items()}, response.read().decode()


def test_what_is_kept_is_bounded() -> None:
    kept, talk = History("kitchen", turns=100, size=2**20), MadeUp("kitchen")
    kept.add(talk.started(), talk.started().model_dump_json())
    revised: dict[int, str] = {}
    for _ in range(1_000):
        for event in talk.turn():
            line = event.model_dump_json()
            kept.add(event, line)
            if event.type == "turn.revised":
                revised[event.turn] = line
    messages = [json.loads(message) for message in kept.messages()]
    assert all(len(message["events"]) <= 100 for message in messages)
    events = [parse_event(json.dumps(event)) for message in messages for event in message["events"]]
    assert [event.seq for event in events] == sorted(event.seq for event in events)
    finals = [event.turn for event in events if event.type == "turn.final"]
    assert finals == list(range(901, 1_001))
    last = {event.turn: event.model_dump_json() for event in events if event.type == "turn.revised"}
    assert last == {turn: line for turn, line in revised.items() if turn > 900}


async def test_ended_sessions_are_forgotten_in_time(analyzer: Analyzer, settings: Settings) -> None:
    async with serving(analyzer, settings, kept_sessions=2) as (url, streams):
        for number in range(5):
            talk = MadeUp(f"stream-{number}")
            streams.watchers.tell(talk.started())
            streams.watchers.tell(talk.ended())
        async with watching(url) as websocket:
            names = [each["stream"] for each in await so_far(websocket) if each["type"] == "watch.history"]
    assert names == ["stream-3", "stream-4"]


async def test_fewer_ended_sessions_than_are_kept_are_all_kept(
    analyzer: Analyzer, settings: Settings
) -> None:
    names = [f"stream-{number}" for number in range(6)]  # of eight
    async with serving(analyzer, settings) as (url, streams):
        for name in names:
            talk = MadeUp(name)
            streams.watchers.tell(talk.started())
            streams.watchers.tell(talk.ended())
        async with watching(url) as websocket:
            told = await so_far(websocket)
    assert [each["stream"] for each in told if each["type"] == "watch.history"] == names
