"""Recognisers that fail as none should: no session hangs, and each is told why it ended."""

import asyncio
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.bundle import Bundle
from streamer.errors import RunError
from streamer.events import TurnFinal
from streamer.session.pipeline import Pipeline
from streamer.settings.settings import Settings
from streamer.transcribers.base import Listening, Transcript
from streamer.turn_embedding.analyzer import Analyzer
from tests.streamer.session.test_pipeline import Collect
from tests.streamer.sound import ArraySource, conversation, frames
from tests.tiny import tiny_bundle

SOUND = conversation()[: int(16_000 * 7.7)]  # two turns


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return tiny_bundle(Path(tmp_path_factory.mktemp("bundle")))


class Failing:
    """A recogniser of the public protocol that fails on its first turn."""

    name = "failing"

    def __init__(self, error: BaseException) -> None:
        self.error: BaseException | None = error

    def transcribe(self, audio: NDArray[np.int16]) -> Transcript:
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        return Transcript("half a character \ud83d, and \0")


class Deaf(Failing):
    """It fails while it listens; a turn that is over it recognises."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(error)
        self.error, self.fails = None, error

    def listen(self, before: Listening | None) -> Listening:
        return self

    def hear(self, samples: NDArray[np.int16]) -> str:
        raise self.fails

    def finish(self, audio: NDArray[np.int16]) -> Transcript:
        raise self.fails

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    "error",
    [MemoryError(), SystemError("bad"), SystemExit(1), KeyboardInterrupt(), StopIteration(), GeneratorExit()],
    ids=lambda error: type(error).__name__,
)
async def test_a_session_ends_and_says_why_and_the_next_one_goes_well(
    bundle: Bundle, error: BaseException
) -> None:
    analyzer, settings = Analyzer(bundle, Failing(error)), Settings()
    first, second = Collect(), Collect()
    async with asyncio.timeout(60):
        with pytest.raises((RunError, MemoryError, SystemError)):
            await Pipeline(ArraySource(frames(SOUND)), analyzer, [first], settings, stream="a").run()
        assert first.ended.reason.startswith("error: ")
        await Pipeline(ArraySource(frames(SOUND)), analyzer, [second], settings, stream="b").run()
    assert second.ended.reason == "end of input"
    assert {final.text for final in second.of(TurnFinal)} == {"half a character \ufffd, and"}
    analyzer.close()


@pytest.mark.parametrize(
    "error", [MemoryError(), ValueError("x"), StopIteration()], ids=lambda error: type(error).__name__
)
async def test_a_turn_that_cannot_be_listened_to_is_recognised_when_it_is_over(
    bundle: Bundle, error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    analyzer, told = Analyzer(bundle, Deaf(error)), Collect()
    async with asyncio.timeout(60):
        source = ArraySource(frames(SOUND))
        await Pipeline(source, analyzer, [told], Settings(), stream="a", live=True).run()
    assert told.ended.reason == "end of input"
    assert len(told.of(TurnFinal)) == 2
    assert any("stopped listening to a turn" in message for message in caplog.messages)
    analyzer.close()
