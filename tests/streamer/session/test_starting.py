"""Sound is taken while models are being loaded; what does not need them does not import them either."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from streamer.errors import InputError
from streamer.events import Health, SessionStarted, TurnFinal
from streamer.session.pipeline import Pipeline
from tests.streamer.session.test_live import Attentive
from tests.streamer.session.test_pipeline import FIXED, Collect
from tests.streamer.sound import ArraySource, conversation, frames
from tests.streamer.starting import HeldUp
from tests.tiny import make_bundle


class Opened(ArraySource):
    """Says when it is open."""

    is_open = False

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self.is_open = True
        return self


@pytest.fixture
def held_up(tmp_path: Path) -> Iterator[HeldUp]:
    loading = HeldUp(make_bundle(tmp_path))
    yield loading
    loading.go_on()  # the thread ends with the test


def session(
    loading: HeldUp, output: Collect, *, live: bool = False, seconds: int = 60
) -> tuple[Opened, Pipeline]:
    source = Opened(frames(conversation()[: 16_000 * seconds]))
    return source, Pipeline(source, loading.analyzer, [output], FIXED, stream="test", live=live)


async def opened(source: Opened) -> None:
    while not source.is_open:
        await asyncio.sleep(0.01)


@pytest.mark.slow
async def test_the_source_is_open_before_the_models_are_there(held_up: HeldUp) -> None:
    output = Collect()
    source, pipeline = session(held_up, output)
    running = asyncio.create_task(pipeline.run())
    await opened(source)
    assert not output.events
    held_up.go_on()
    await running
    assert isinstance(output.events[0], SessionStarted)
    assert output.of(TurnFinal)
    assert output.ended.audio_s == pytest.approx(len(conversation()) / 16_000)


async def test_models_that_do_not_come_end_the_session_before_it_begins(held_up: HeldUp) -> None:
    output = Collect()
    _, pipeline = session(held_up, output)
    held_up.fail()
    with pytest.raises(InputError, match="no bundle 'lost'"):
        await pipeline.run()
    assert not pipeline.source_failed
    assert not output.events


async def test_stopped_before_the_models_are_there_it_has_nothing_to_tell(held_up: HeldUp) -> None:
    output = Collect()
    source, pipeline = session(held_up, output)
    running = asyncio.create_task(pipeline.run())
    await opened(source)
    pipeline.stop()
    await running
    assert not output.events


async def test_one_who_gives_up_leaves_the_models_to_others(held_up: HeldUp) -> None:
    impatient = asyncio.create_task(held_up.analyzer.ready())
    patient = asyncio.create_task(held_up.analyzer.ready())
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.sleep(0)
    held_up.go_on()
    await patient
    assert held_up.analyzer.is_ready


@pytest.mark.slow
async def test_sound_that_waited_for_the_models_is_no_overload(tmp_path: Path) -> None:
    held_up, output = HeldUp(make_bundle(tmp_path), Attentive()), Collect()
    source, pipeline = session(held_up, output, live=True, seconds=8)
    running = asyncio.create_task(pipeline.run())
    await opened(source)
    await asyncio.sleep(2)
    held_up.go_on()
    await running
    assert pipeline._shedder.counts["partials"], "all of the sound came at once"
    assert not output.of(Health)


LIGHT = """
import sys
import streamer.cli.app, streamer.session.wiring, streamer.server.run, streamer.server.metrics_port
import streamer.audio.microphone
print(*{"torch", "onnxruntime", "transformers", "models.bundle", "huggingface_hub"} & sys.modules.keys())
"""

LOADED = """
import sys
from streamer.session.wiring import load_analyzer
from streamer.settings.settings import Settings
load_analyzer(Settings(asr="none"))
print(*{"transformers", "sympy", "torch._dynamo", "scipy", "sklearn", "pandas"} & sys.modules.keys())
"""


@pytest.mark.slow
@pytest.mark.parametrize("program", [LIGHT, LOADED])
def test_nothing_is_imported_that_is_not_needed(program: str) -> None:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "\n", "")
