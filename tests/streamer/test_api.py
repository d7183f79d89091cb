"""The Python interface on real sound, with tiny networks."""

import asyncio
import subprocess
import sys
import wave
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pytest

import streamer
from models.bundle import Bundle
from streamer.audio.frame import AudioItem
from tests.streamer.session.test_pipeline import Collect, Scripted
from tests.streamer.sound import ArraySource, conversation, frames, truth
from tests.tiny import tiny_bundle

SOUND = conversation()[: int(16_000 * 7.7)]  # two turns


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return tiny_bundle(Path(tmp_path_factory.mktemp("bundle")))


class Watched(ArraySource):
    """A source that tells when it was left."""

    def __init__(self, items: list[AudioItem]) -> None:
        super().__init__(items, forever=True)
        self.left = asyncio.Event()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.left.set()


async def finals(events: AsyncIterator[streamer.Event]) -> list[streamer.TurnFinal]:
    return [event async for event in events if isinstance(event, streamer.TurnFinal)]


async def test_ten_lines_are_enough(bundle: Bundle) -> None:
    told = []
    async for event in streamer.analyze(SOUND, rate=16_000, recogniser=Scripted(), bundle=bundle):
        told.append(event)
    assert isinstance(told[0], streamer.SessionStarted)
    assert isinstance(told[-1], streamer.SessionEnded)
    turns = [event for event in told if isinstance(event, streamer.TurnFinal)]
    assert [turn.text for turn in turns] == ["I am happy."] * 2
    assert [turn.start_s for turn in turns] == pytest.approx([t["start_s"] for t in truth()[:2]], abs=0.25)
    assert (told[0].stream, told[0].recogniser) == ("array", "scripted")


@pytest.mark.slow
async def test_recordings_and_sources_of_ones_own_several_at_once_on_the_same_models(
    tmp_path: Path, bundle: Bundle
) -> None:
    with wave.open(str(tmp_path / "talk.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(SOUND.tobytes())
    analyzer = streamer.load_models(recogniser=Scripted(), bundle=bundle)
    ours = Collect()
    stereo = np.stack([SOUND, np.zeros_like(SOUND)], axis=1) / 32768
    split = streamer.load_settings(channels="split")
    told = await asyncio.gather(
        *(
            finals(aiter(analysis))
            for analysis in (
                streamer.analyze(tmp_path / "talk.wav", analyzer=analyzer),
                streamer.analyze(str(tmp_path / "talk.wav"), analyzer=analyzer, stream="again"),
                # Not in its own time: how long it is waited for may then not depend on when words are known.
                streamer.analyze(ArraySource(frames(SOUND)), analyzer=analyzer, outputs=[ours], live=False),
                streamer.analyze(
                    stereo, split, rate=16_000, analyzer=analyzer, speakers=["agent", "customer"]
                ),
            )
        )
    )
    assert [len(turns) for turns in told] == [2, 2, 2, 2]
    assert [turns[0].stream for turns in told] == ["talk", "again", "array", "array"]
    assert {turn.speaker for turn in told[3]} == {"agent"}
    assert len(ours.of(streamer.TurnFinal)) == 2
    analyzer.close()


async def test_leaving_the_loop_stops_everything(bundle: Bundle) -> None:
    source, ours = Watched(frames(SOUND)), Collect()
    async for event in streamer.analyze(source, recogniser=Scripted(), bundle=bundle, outputs=[ours]):
        if isinstance(event, streamer.TurnFinal):
            break
    async with asyncio.timeout(10):
        await source.left.wait()
        while not isinstance(ours.events[-1], streamer.SessionEnded):
            await asyncio.sleep(0.01)
    assert ours.ended.reason == "interrupted"
    while len(asyncio.all_tasks()) > 1:
        await asyncio.sleep(0.01)


async def test_within_async_with_it_has_stopped_when_the_block_is_left(bundle: Bundle) -> None:
    source, ours = Watched(frames(SOUND)), Collect()
    async with streamer.analyze(source, recogniser=Scripted(), bundle=bundle, outputs=[ours]) as events:
        async for event in events:
            if isinstance(event, streamer.TurnStarted):
                break
    assert source.left.is_set()
    assert ours.ended.reason == "interrupted"


async def test_an_error_in_the_loop_is_its_own_and_stops_everything(bundle: Bundle) -> None:
    source = Watched(frames(SOUND))
    with pytest.raises(ZeroDivisionError):  # noqa: PT012
        async with streamer.analyze(source, recogniser=Scripted(), bundle=bundle) as events:
            async for _ in events:
                _ = 1 / 0
    assert source.left.is_set()


async def test_a_reader_that_takes_its_time_loses_nothing(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamer.api._WAITING", 1)
    numbers = []
    async for event in streamer.analyze(SOUND, rate=16_000, recogniser=Scripted(), bundle=bundle):
        numbers.append(event.seq)
        await asyncio.sleep(0.02)
    assert numbers == list(range(1, len(numbers) + 1))


async def test_what_fails_is_an_input_error_or_a_run_error(bundle: Bundle) -> None:
    with pytest.raises(streamer.InputError, match=r"missing\.wav"):
        streamer.analyze("missing.wav")
    with pytest.raises(streamer.InputError, match="rate=16_000"):
        streamer.analyze(SOUND)
    with pytest.raises(streamer.InputError, match="arrays only"):
        streamer.analyze("missing.wav", rate=16_000)
    with pytest.raises(streamer.InputError, match="list is no source"):
        streamer.analyze([0.0, 0.1])  # type: ignore[arg-type]
    with pytest.raises(streamer.InputError, match="2 speakers, but 1 channels"):
        streamer.analyze(SOUND, rate=16_000, speakers=["a", "b"])
    with pytest.raises(streamer.InputError, match="load_models"):
        streamer.analyze(SOUND, rate=16_000, analyzer=streamer.Analyzer(bundle, Scripted()), bundle=bundle)
    with pytest.raises(streamer.InputError, match="nobody"):
        await finals(aiter(streamer.analyze(SOUND, rate=16_000, recogniser="nobody", bundle=bundle)))
    with pytest.raises(streamer.RunError, match="broke"):
        await finals(
            aiter(streamer.analyze(SOUND, rate=16_000, recogniser=Scripted(fails=True), bundle=bundle))
        )
    broken = ArraySource([*frames(SOUND), streamer.InputError("the cable was cut")])
    told: list[Any] = []
    with pytest.raises(streamer.InputError, match="cable"):  # noqa: PT012
        async for event in streamer.analyze(broken, recogniser=Scripted(), bundle=bundle):
            told.append(event)
    assert told[-1].reason == "error: the cable was cut"


@pytest.mark.parametrize(
    ("dtype", "rate"), [("float64", 44_100), ("int16", 8_000), ("int32", 16_000), ("uint8", 48_000)]
)
async def test_arrays_of_any_kind_are_the_same_sound(dtype: str, rate: int) -> None:
    from streamer.audio.array_source import ArraySource as Source

    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
    if dtype == "float64":
        sound = tone
    else:
        limits = np.iinfo(dtype)
        sound = (tone * limits.max if limits.min else tone * 127 + 128).astype(dtype)
    heard = [item async for item in Source(np.stack([sound, sound], axis=1), rate)]
    samples = np.concatenate([frame.samples for frame in heard if isinstance(frame, streamer.AudioFrame)])
    assert len(samples) == pytest.approx(16_000, abs=40)
    assert np.abs(samples).max() == pytest.approx(16_384, rel=0.03)


@pytest.mark.parametrize(
    "sound", [np.zeros(0), np.zeros((2, 16_000)), np.zeros((2, 2, 2)), np.zeros(9, complex), np.array("a")]
)
def test_arrays_that_are_no_sound_are_refused(sound: Any) -> None:
    with pytest.raises(streamer.InputError, match="array"):
        streamer.analyze(sound, rate=16_000)


def test_importing_costs_nothing_and_everything_promised_is_there() -> None:
    code = "import sys, streamer; print(sorted({'numpy', 'torch', 'pydantic', 'asyncio'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    for name in streamer.__all__:
        assert getattr(streamer, name) is not None
    assert set(streamer.__all__) <= set(dir(streamer))
    with pytest.raises(AttributeError, match="nothing"):
        streamer.nothing  # noqa: B018


async def test_analyses_leave_no_threads_behind(bundle: Bundle) -> None:
    import threading

    def ours() -> int:
        names = ("recogniser", "embedder", "context", "listening")
        return sum(thread.name.startswith(names) for thread in threading.enumerate())

    before = ours()
    await finals(aiter(streamer.analyze(SOUND, rate=16_000, recogniser=Scripted(), bundle=bundle)))
    async with asyncio.timeout(10):
        while ours() > before:
            await asyncio.sleep(0.01)


class Quiet(Collect):
    async def __aenter__(self) -> Self:
        raise streamer.InputError("this can never work")


async def test_an_output_that_can_never_work_says_so(bundle: Bundle) -> None:
    with pytest.raises(streamer.InputError, match="never work"):
        await finals(
            aiter(
                streamer.analyze(SOUND, rate=16_000, recogniser=Scripted(), bundle=bundle, outputs=[Quiet()])
            )
        )
