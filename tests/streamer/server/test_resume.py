"""A client that breaks off and comes back goes on with its session."""

import asyncio
import json

from websockets.asyncio.client import ClientConnection, connect

from streamer.settings.settings import Settings
from streamer.turn_embedding.analyzer import Analyzer
from tests.streamer.server.serving import END, Told, all_ended, read, send, serving, start, until
from tests.streamer.sound import conversation

HALF = conversation()[:80_000].tobytes()


async def begin(websocket: ClientConnection, **fields: object) -> str:
    await websocket.send(start(live=True, linger_s=30, **fields))
    return str((await until(websocket, "session.started"))["session"])


async def come_back(websocket: ClientConnection, session: str) -> Told:
    """Resume, send the rest, and read to the end."""
    await websocket.send(start(live=True, linger_s=30, resume=session))
    assert (await until(websocket, "stream.resumed"))["session"] == session
    await send(websocket, HALF)
    return await read(websocket)


async def test_after_a_reload_the_session_goes_on(analyzer: Analyzer, settings: Settings) -> None:
    async with serving(analyzer, settings, max_streams=1) as (url, streams):
        async with connect(f"{url}desk") as before:
            session = await begin(before)
            await send(before, HALF, end=False)
            await until(before, "turn.final")
        await asyncio.sleep(0.3)
        [stream] = streams
        assert stream.describe()["connected"] is False
        async with connect(f"{url}desk") as after:
            told = await come_back(after, session)
        await all_ended(streams)
    ended = told.messages[-1]
    assert (ended["type"], ended["reason"], told.close_code) == ("session.ended", "end of input", 1000)
    assert ended["session"] == session
    [gap] = told.of("audio.gap")
    assert gap["reason"] == "the client was away"
    assert 0.2 < gap["length_s"] < 30
    assert ended["turns"] > told.of("turn.final")[0]["turn"] - 1


async def test_a_loss_that_was_not_noticed(analyzer: Analyzer, settings: Settings) -> None:
    """The network went, the socket stays: whoever is still on it is sent away, and nothing is told twice."""
    async with (
        serving(analyzer, settings) as (url, _),
        connect(f"{url}desk") as before,
        connect(f"{url}desk") as after,
    ):
        session = await begin(before)
        await send(before, HALF, end=False)
        await until(before, "turn.final")
        told = await come_back(after, session)
        sent_away = await read(before)
    assert (sent_away.error, sent_away.close_code) == ("taken_over", 4410)
    assert told.messages[-1]["reason"] == "end of input"
    heard_before = {message["seq"] for message in sent_away.messages if "seq" in message}
    assert heard_before.isdisjoint(message["seq"] for message in told.messages)


async def test_who_does_not_come_back_is_not_waited_for_longer(
    analyzer: Analyzer, settings: Settings
) -> None:
    async with serving(analyzer, settings, max_linger_s=0.2) as (url, streams):
        async with connect(f"{url}desk") as websocket:
            session = await begin(websocket)
        await asyncio.wait_for(all_ended(streams), 30)
        async with connect(f"{url}desk") as late:
            await late.send(start(resume=session))
            assert (await until(late, "session.started"))["session"] != session
            await late.send(END)


async def test_another_client_need_not_wait(analyzer: Analyzer, settings: Settings) -> None:
    """Under the same name, but not to go on: the session that waits is ended."""
    async with serving(analyzer, settings) as (url, _):
        async with connect(f"{url}desk") as before:
            session = await begin(before)
        await asyncio.sleep(0.2)
        async with connect(f"{url}desk") as other:
            await other.send(start(rate=48_000, resume=session))
            assert (await until(other, "session.started"))["session"] != session
            await other.send(END)
            assert (await read(other)).close_code == 1000


async def test_the_server_does_not_wait_either(analyzer: Analyzer, settings: Settings) -> None:
    began = asyncio.get_running_loop().time()
    async with serving(analyzer, settings) as (url, _):
        async with connect(f"{url}desk") as websocket:
            await begin(websocket)
        await asyncio.sleep(0.2)
    assert asyncio.get_running_loop().time() - began < 20


async def test_containers_cannot_go_on(analyzer: Analyzer, settings: Settings) -> None:
    async with serving(analyzer, settings) as (url, _), connect(f"{url}desk") as websocket:
        await websocket.send(json.dumps({"type": "start", "format": "container", "linger_s": 5}))
        told = await read(websocket)
    assert told.error == "bad_message"
    assert "container" in told.messages[0]["message"]
