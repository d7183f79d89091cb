"""Tasks that die are said, and make `/healthz` say so."""

import asyncio
import gc
import json
from pathlib import Path

import pytest

from streamer.server.metrics_port import MetricsPort, MetricsServer
from streamer.tasks import dead_parts, keep_going
from streamer.transcribers.off import Off
from streamer.turn_embedding.analyzer import Analyzer
from tests.streamer.metrics.test_metrics import ask
from tests.tiny import tiny_bundle


async def dies() -> None:
    await asyncio.sleep(0)
    raise ValueError("it can't\n be packed")


async def lasts() -> None:
    await asyncio.sleep(600)


async def test_a_dead_task_makes_healthz_say_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    analyzer, port = Analyzer(tiny_bundle(tmp_path), Off()), MetricsPort("127.0.0.1:0")
    url = port.url.replace("/metrics", "/healthz")
    async with MetricsServer(port, analyzer):
        well = keep_going(lasts(), "well")
        assert (await ask(url))[0] == 200
        dead = keep_going(dies(), "sender")
        await asyncio.wait([dead])
        await asyncio.sleep(0)
        status, said = await ask(url)
        assert status == 503
        [reason] = json.loads(said)["reasons"]
        assert reason["part"] == "sender"
        assert "ended unexpectedly (ValueError)" in reason["reason"]
        assert caplog.messages == ["sender has ended unexpectedly (ValueError: it can't be packed)"]
        well.cancel()
        await asyncio.wait([well])
        del dead  # as whoever began it is left
        gc.collect()
        assert (await ask(url))[0] == 200
    analyzer.close()


async def test_to_come_to_an_end_or_to_be_cancelled_is_no_death() -> None:
    done, cancelled = keep_going(asyncio.sleep(0), "done"), keep_going(lasts(), "cancelled")
    await done
    cancelled.cancel()
    await asyncio.wait([cancelled])
    await asyncio.sleep(0)
    assert dead_parts() == []
