"""A server takes sound while its models are still being loaded."""

import asyncio
import json
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from streamer.errors import InputError
from streamer.server.listener import Listener
from streamer.server.run import serve
from streamer.server.streams import Streams
from streamer.settings.server import ServerSettings
from streamer.settings.settings import Settings
from tests.streamer.cli.test_app import MERITS
from tests.streamer.metrics.test_metrics import ask, scrape
from tests.streamer.server.serving import read, send, serving, start, until
from tests.streamer.sound import conversation
from tests.streamer.starting import HeldUp

SOUND = conversation()[:96_000].tobytes()


@pytest.fixture
def held_up(bundle: Path) -> Iterator[HeldUp]:
    loading = HeldUp(bundle)
    yield loading
    loading.go_on()  # the thread ends with the test


def page(url: str) -> str:
    return url.replace("ws://", "http://").removesuffix("/v1/streams/")


async def test_sound_is_taken_and_told_of_when_the_models_are_there(
    settings: Settings, held_up: HeldUp
) -> None:
    async with serving(held_up.analyzer, settings) as (url, streams):
        watch = url.replace("streams/", "watch")
        async with connect(f"{url}desk") as desk, connect(watch) as watcher:
            await desk.send(start(live=True))
            await send(desk, SOUND)
            async with asyncio.timeout(10):
                while not list(streams):
                    await asyncio.sleep(0.01)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(desk.recv(), 0.2)
            held_up.go_on()
            told = await read(desk)
            assert (await until(watcher, "watch.started"))["looks"]
    assert told.messages[0]["type"] == "session.started"
    assert told.of("turn.final")
    assert not told.of("health")
    ended = told.messages[-1]
    assert (ended["type"], ended["audio_s"], ended["gaps"]) == ("session.ended", len(SOUND) / 32_000, 0)


async def test_health_says_starting_and_then_ok(settings: Settings, held_up: HeldUp) -> None:
    async with serving(held_up.analyzer, settings) as (url, _):
        for _ in range(3):
            status, body = await ask(f"{page(url)}/healthz")
            assert (status, json.loads(body)["status"]) == (503, "starting")
        assert (await ask(f"{page(url)}/livez"))[0] == 200
        assert (await ask(f"{page(url)}/metrics"))[0] == 503
        held_up.go_on()
        said = ["starting"]
        async with asyncio.timeout(30):
            while said[-1] != "ok":
                said.append(json.loads((await ask(f"{page(url)}/healthz"))[1])["status"])
        assert set(said) == {"starting", "ok"}
        assert (await scrape(f"{page(url)}/metrics"))["merits_healthy"] == 1


@pytest.mark.parametrize("live", [True, False])
async def test_what_waits_for_the_models_is_bounded(settings: Settings, held_up: HeldUp, live: bool) -> None:
    """Sound of a client that cannot wait becomes a gap; any other client waits."""
    async with (
        serving(held_up.analyzer, settings, buffer_s=1) as (url, streams),
        connect(f"{url}desk") as desk,
    ):
        await desk.send(start(live=live))
        sending = asyncio.create_task(send(desk, SOUND))
        async with asyncio.timeout(10):
            while not list(streams):
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)
        held_up.go_on()
        told = await read(desk)
        await sending
    ended = told.messages[-1]
    assert ended["audio_s"] + ended["gap_s"] == pytest.approx(len(SOUND) / 32_000)
    assert bool(ended["gap_s"] > 0) is live


async def test_a_server_that_stops_while_it_starts_finishes_what_it_heard(
    settings: Settings, held_up: HeldUp
) -> None:
    async with serving(held_up.analyzer, settings) as (url, streams):
        desk = await connect(f"{url}desk")
        await desk.send(start(live=True))
        await send(desk, SOUND, end=False)
        async with asyncio.timeout(10):
            while not list(streams):
                await asyncio.sleep(0.01)
        asyncio.get_running_loop().call_later(0.3, held_up.go_on)
        told = asyncio.create_task(read(desk))
    messages = (await told).messages
    assert [each["type"] for each in messages if each["type"] == "turn.final"]
    assert (await told).error == "shutting_down"


async def test_models_that_do_not_come_end_the_server(settings: Settings, held_up: HeldUp) -> None:
    settings = settings.model_copy(update={"server": ServerSettings(port=0)})
    listener = Listener(settings.server)
    server = asyncio.create_task(serve(Streams(held_up.analyzer, settings), listener))
    async with connect(f"{listener.url}desk") as desk:
        await desk.send(start())
        async with connect(listener.url.replace("streams/", "watch")) as watcher:
            held_up.fail()
            assert (await read(desk)).error == "shutting_down"
            assert (await read(watcher)).error == "shutting_down"
    with pytest.raises(InputError, match="no bundle 'lost'"):
        await server


@pytest.mark.system
def test_models_that_do_not_come_are_one_line_and_bad_input(tmp_path: Path) -> None:
    command = [MERITS, "serve", "--port", "0", "--bundle", tmp_path / "lost", "--asr", "none"]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=120, check=False)
    listening, line = done.stderr.splitlines()
    assert done.returncode == 2
    assert "listening on" in listening
    assert line.startswith("merits: no bundle")


@pytest.mark.system
def test_interrupted_while_it_starts_it_leaves_at_once() -> None:
    command = [MERITS, "serve", "--port", "0", "--asr", "none"]
    with subprocess.Popen([*map(str, command)], stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        assert re.search("listening on", server.stderr.readline())
        server.send_signal(signal.SIGINT)
        assert server.wait(60) == 130
        assert server.stderr.read() == ""
