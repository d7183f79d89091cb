"""Metrics and health of real sessions, asked for over HTTP as operators do."""

import asyncio
import json
import socket
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from models.bundle import Bundle
from streamer.errors import InputError
from streamer.events import QueueHealth, TurnFinal, TurnPartial, TurnRevised
from streamer.outputs.base import Output, OutputStatus
from streamer.outputs.mqtt.address import BrokerAddress
from streamer.server.metrics_port import MetricsPort, MetricsServer
from streamer.session.pipeline import Pipeline
from streamer.session.wiring import load_analyzer
from streamer.settings.outbox import OutboxSettings
from streamer.settings.settings import Settings
from streamer.turn_embedding.analyzer import Analyzer
from tests.mosquitto import Mosquitto
from tests.streamer.server.serving import all_ended, serving, stream
from tests.streamer.session.test_pipeline import Collect, Scripted
from tests.streamer.sound import ArraySource, conversation, frames
from tests.tiny import make_bundle, tiny_bundle

SOUND = conversation()[: int(16_000 * 7.7)]  # two turns
TOKEN = "0123456789abcdef"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return tiny_bundle(Path(tmp_path_factory.mktemp("bundle")))


async def ask(url: str, token: str | None = None) -> tuple[int, str]:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})

    def get() -> tuple[int, str]:
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    return await asyncio.to_thread(get)


async def scrape(url: str) -> dict[str, float]:
    """All samples: by name, and labels where there are any."""
    status, text = await ask(url)
    assert status == 200
    return {
        sample.name + ("" if not sample.labels else str(sorted(sample.labels.values()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@asynccontextmanager
async def measuring(analyzer: Analyzer) -> AsyncIterator[tuple[MetricsServer, str]]:
    port = MetricsPort("127.0.0.1:0")
    async with MetricsServer(port, analyzer) as server:
        yield server, port.url


def session(analyzer: Analyzer, *outputs: Output, live: bool = False, forever: bool = False) -> Pipeline:
    source = ArraySource(frames(SOUND), forever=forever)
    return Pipeline(source, analyzer, outputs, Settings(), stream="secret-room", live=live)


class Away(Collect):
    """An output whose other side is away."""

    trouble: str | None = "no connection to the broker"

    @property
    def status(self) -> OutputStatus:
        return OutputStatus("mqtt", self.trouble, QueueHealth(depth=7, limit=10, shed=3))


class Ailing(Scripted):
    """A recogniser that something stands in for."""

    trouble: str | None = None


async def test_figures_are_those_of_the_events(bundle: Bundle) -> None:
    analyzer, told = Analyzer(bundle, Scripted(seconds=0.05)), Collect()
    async with measuring(analyzer) as (metrics, url):
        before = await scrape(url)
        assert before["merits_streams"] == before["merits_audio_seconds_total"] == 0
        for _ in range(2):
            await session(analyzer, metrics, told).run()
        after = await scrape(url)
        _, text = await ask(url)
    turns, labels = told.of(TurnFinal), bundle.labels
    for label in labels:
        assert after[f"merits_turns_total['{label}']"] == sum(turn.emotion == label for turn in turns)
    assert after["merits_revisions_total"] == len(told.of(TurnRevised))
    assert after["merits_partials_total"] == len(told.of(TurnPartial))
    assert after["merits_audio_seconds_total"] == pytest.approx(2 * len(SOUND) / 16_000)
    for stage in ("endpoint", "transcribe", "embed", "context", "total"):
        assert after[f"merits_latency_seconds_count['{stage}']"] == len(turns)
        expected = sum(getattr(turn.latency_ms, stage) for turn in turns) / 1e3
        assert after[f"merits_latency_seconds_sum['{stage}']"] == pytest.approx(expected, abs=1e-6)
    assert after["merits_busy_seconds_total['recogniser']"] >= 0.05 * len(turns)
    assert after["merits_busy_seconds_total['embedder']"] > 0
    assert 0 < after["merits_real_time_factor"] < 100
    assert after["merits_sessions_started_total"] == 2
    assert after["merits_sessions_ended_total['end of input']"] == 2
    assert after["merits_streams"] == after["merits_queue_depth['turns']"] == 0
    assert "secret-room" not in text
    assert "process_resident_memory_bytes" in text


async def test_sessions_that_run_are_looked_at_as_they_are(bundle: Bundle) -> None:
    analyzer, away = Analyzer(bundle, Ailing()), Away()
    assert isinstance(analyzer.transcriber, Ailing)
    async with measuring(analyzer) as (metrics, url):
        health = url.replace("/metrics", "/healthz")
        assert (await ask(health))[0] == 200
        running = session(analyzer, metrics, away, forever=True)
        task = asyncio.create_task(running.run())
        while len(away.of(TurnFinal)) < 1:
            await asyncio.sleep(0.02)
        now = await scrape(url)
        assert now["merits_streams"] == 1
        assert now["merits_outbox_depth['mqtt']"] == 7
        assert now["merits_shed_total['mqtt']"] == 3
        assert now["merits_output_up['mqtt']"] == now["merits_healthy"] == 0
        assert now["merits_recogniser_up"] == 1
        status, body = await ask(health)
        reason = {"part": "mqtt", "reason": "no connection to the broker; events that wait: 7"}
        assert (status, json.loads(body)["reasons"]) == (503, [reason])
        away.trouble, analyzer.transcriber.trouble = None, "it does not answer"
        status, body = await ask(health)
        assert (status, json.loads(body)["reasons"][0]["part"]) == (503, "recogniser")
        assert (await ask(health.replace("healthz", "livez")))[0] == 200
        analyzer.transcriber.trouble = None
        assert (await ask(health))[0] == 200
        running.stop()
        await task
        now = await scrape(url)
        assert now["merits_shed_total['mqtt']"] == 3  # of the session that ended
        assert "merits_outbox_depth['mqtt']" not in now
        assert now["merits_sessions_ended_total['interrupted']"] == 1


@pytest.mark.slow
async def test_a_session_that_is_held_back_is_not_healthy(bundle: Bundle) -> None:
    analyzer = Analyzer(bundle, Scripted(seconds=0.5))
    async with measuring(analyzer) as (_, url):
        source, settings = ArraySource(frames(conversation())), Settings(pending_turns=1, speculate=False)
        running = Pipeline(source, analyzer, [], settings, stream="slow", live=True)
        task = asyncio.create_task(running.run())
        health = url.replace("/metrics", "/healthz")
        while (answer := await ask(health))[0] == 200:
            assert not task.done()
        assert json.loads(answer[1])["reasons"][0]["part"] == "analysis"
        await task
        assert (await ask(health))[0] == 200


async def test_strangers_may_ask_for_health_and_nothing_else(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="MERITS_TOKEN"):
        MetricsPort("0.0.0.0:0")
    monkeypatch.setenv("MERITS_TOKEN", TOKEN)
    port = MetricsPort("0.0.0.0:0")
    url = f"http://127.0.0.1:{port.socket.getsockname()[1]}"
    async with MetricsServer(port, Analyzer(bundle, Scripted())):
        assert (await ask(f"{url}/healthz"))[0] == 200
        assert (await ask(f"{url}/metrics"))[0] == 401
        assert (await ask(f"{url}/metrics", TOKEN))[0] == 200


@pytest.mark.parametrize("address", ["", "here", "127.0.0.1", "127.0.0.1:", ":99999", "no such host:1"])
def test_what_is_no_address_is_refused_in_one_line(address: str) -> None:
    with pytest.raises(InputError) as caught:
        MetricsPort(address)
    assert "\n" not in str(caught.value)


def test_a_port_that_is_taken_is_said_so_in_one_line() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(InputError, match=r"in use; choose another --metrics"),
    ):
        MetricsPort(str(taken.getsockname()[1]))


async def test_the_server_of_streams_has_them_too(tmp_path: Path) -> None:
    settings = Settings(bundle=str(make_bundle(tmp_path)), asr="none")
    analyzer = load_analyzer(settings)
    async with serving(analyzer, settings) as (url, _):
        http = url.replace("ws://", "http://").removesuffix("/v1/streams/")
        assert (await scrape(f"{http}/metrics"))["merits_streams"] == 0
        status, body = await ask(f"{http}/healthz")
        assert (status, json.loads(body)["status"]) == (200, "ok")


@pytest.mark.system
async def test_what_ended_streams_have_left_is_seen_before_and_after_a_restart(tmp_path: Path) -> None:
    settings = Settings(
        bundle=str(make_bundle(tmp_path)),
        asr="none",
        outbox=OutboxSettings(path=tmp_path / "outbox.sqlite"),
    )
    analyzer, broker = load_analyzer(settings), Mosquitto(tmp_path)
    address = BrokerAddress.parse(broker.url)
    for restarted in (False, True):
        async with serving(analyzer, settings, broker=address) as (url, streams):
            http = url.replace("ws://", "http://").removesuffix("/v1/streams/")
            if not restarted:
                await stream(f"{url}kitchen", SOUND.tobytes())
                await all_ended(streams)
            async with asyncio.timeout(30):
                while not (now := await scrape(f"{http}/metrics")).get("merits_outbox_depth['mqtt']"):
                    assert not restarted
                    await asyncio.sleep(0.1)
                while now["merits_healthy"]:
                    await asyncio.sleep(0.1)
                    now = await scrape(f"{http}/metrics")
            depth = now["merits_outbox_depth['mqtt']"]
            assert (now["merits_streams"], now["merits_output_up['mqtt']"]) == (0, 0)
            status, body = await ask(f"{http}/healthz")
            reason = f"no connection to the broker; events that wait: {depth:.0f}"
            assert (status, json.loads(body)["reasons"]) == (503, [{"part": "mqtt", "reason": reason}])
            [shown] = streams.published()
            assert (shown.trouble, shown.queue and shown.queue.depth) == (
                "no connection to the broker",
                depth,
            )
            if restarted:
                with broker:
                    async with asyncio.timeout(30):
                        while not now["merits_healthy"]:
                            await asyncio.sleep(0.1)
                            now = await scrape(f"{http}/metrics")
                    assert now["merits_output_up['mqtt']"] == 1
