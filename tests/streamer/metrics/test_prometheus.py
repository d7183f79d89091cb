"""What Prometheus makes of the figures: a real one where it is installed."""

import asyncio
import json
import re
import shutil
import socket
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from models.bundle import Bundle
from streamer.events import Event
from streamer.metrics.prometheus import Metrics
from streamer.server.metrics_port import MetricsPort, MetricsServer
from streamer.turn_embedding.analyzer import Analyzer
from tests.streamer.outputs.samples import Sample
from tests.streamer.session.test_pipeline import Scripted
from tests.tiny import tiny_bundle

pytestmark = pytest.mark.system

OPERATIONS = Path(__file__).parents[3] / "docs" / "operations.md"
VALENCES = (-0.9, 0.4, -0.8, 0.0, -1.0, 0.1, 0.3, -0.95)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return tiny_bundle(Path(tmp_path_factory.mktemp("bundle")))


def sums(metrics: Metrics) -> dict[str, float]:
    """All samples of which a rate can be asked for."""
    text = generate_latest(metrics.registry).decode()
    return {
        f"{sample.name}{sorted(sample.labels.items())}": sample.value
        for family in text_string_to_metric_families(text)
        if family.type in ("counter", "summary", "histogram")
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


async def test_what_adds_up_never_falls(bundle: Bundle) -> None:
    metrics, sample = Metrics(Analyzer(bundle, Scripted())), Sample()
    before = sums(metrics)
    events: list[Event] = [sample.started()]
    events += [sample.final(turn, valence=valence) for turn, valence in enumerate(VALENCES, start=1)]
    for event in (*events, sample.revised(1), sample.gap(), sample.ended()):
        await metrics.send(event)
        after = sums(metrics)
        assert [name for name in before if after[name] < before[name]] == []
        before = after


@asynccontextmanager
async def prometheus(target: str, folder: Path) -> AsyncIterator[str]:
    """A Prometheus that looks at a target five times a second; yields its address."""
    if (program := shutil.which("prometheus")) is None:
        pytest.skip("prometheus is not installed")
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    config = folder / "prometheus.yml"
    job = {"job_name": "merits", "scrape_interval": "200ms", "scrape_timeout": "200ms"}
    config.write_text(json.dumps({"scrape_configs": [job | {"static_configs": [{"targets": [target]}]}]}))
    arguments = (
        f"--config.file={config}",
        f"--storage.tsdb.path={folder}",
        f"--web.listen-address={address}",
    )
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(program, *arguments, stdout=quiet, stderr=quiet)
    try:
        yield address
    finally:
        process.kill()
        await process.wait()


async def ask(address: str, query: str) -> float | None:
    """The one value of an expression; None as long as there is none."""

    def get() -> float | None:
        url = f"http://{address}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                result = json.load(answer)["data"]["result"]
        except urllib.error.URLError:
            return None
        return float(result[0]["value"][1]) if result else None

    return await asyncio.to_thread(get)


async def test_the_mean_of_valence_as_documented(bundle: Bundle, tmp_path: Path) -> None:
    (query,) = re.findall(r"```promql\n(.*?)```", OPERATIONS.read_text("utf-8"), re.S)
    port, sample = MetricsPort("127.0.0.1:0"), Sample()
    target = urllib.parse.urlsplit(port.url).netloc
    async with (
        MetricsServer(port, Analyzer(bundle, Scripted())) as metrics,
        prometheus(target, tmp_path) as address,
        asyncio.timeout(60),
    ):
        while await ask(address, "sum(merits_turns_total)") != 0:
            await asyncio.sleep(0.1)
        for turn, valence in enumerate(VALENCES, start=1):
            await metrics.send(sample.final(turn, valence=valence))
            while await ask(address, "sum(merits_turns_total)") != turn:
                await asyncio.sleep(0.1)
        mean = await ask(address, query)
    assert mean == pytest.approx(sum(VALENCES) / len(VALENCES), abs=1e-6)
