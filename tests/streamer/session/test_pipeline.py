"""The pipeline on real sound, with tiny networks: order, bounds, and every way to end."""

import asyncio
import time
from collections.abc import Hashable, Sequence
from itertools import cycle, pairwise
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pydantic import BaseModel

from models.bundle import Bundle
from streamer.audio.frame import AudioGap, AudioItem, DeviceBack, DeviceLost
from streamer.errors import InputError, RunError
from streamer.events import (
    Event,
    Health,
    Mark,
    SessionEnded,
    SessionStarted,
    TurnFinal,
    TurnRevised,
    TurnStarted,
)
from streamer.session.pipeline import Pipeline
from streamer.session.turn_revisions import Conversation, Judgement
from streamer.settings.settings import Settings
from streamer.settings.turns import TurnSettings
from streamer.transcribers.base import Transcript
from streamer.turn_embedding.analyzer import Analyzer, Utterance
from tests.streamer.sound import ArraySource, conversation, frames, truth
from tests.tiny import tiny_bundle

Texts = Sequence[str]
FIXED = Settings(turns=TurnSettings(endpointing="fixed"))
Kind = TypeVar("Kind", bound=BaseModel)


class Scripted:
    """A recogniser that takes its time and says what it was told to."""

    name = "scripted"

    def __init__(self, text: str | Texts = "I am happy.", seconds: float = 0.0, fails: bool = False) -> None:
        """`text` may be what is said turn by turn, over and over."""
        self.texts, self.seconds, self.fails = (
            cycle([text] if isinstance(text, str) else text),
            seconds,
            fails,
        )

    def transcribe(self, audio: NDArray[np.int16]) -> Transcript:
        if self.fails:
            raise RunError("the recogniser broke")
        time.sleep(self.seconds)
        return Transcript(next(self.texts))


class Collect:
    """An output that keeps what it is sent, or breaks after a while."""

    def __init__(self, breaks_after: int | None = None) -> None:
        self.events: list[Event] = []
        self.breaks_after = breaks_after

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    async def send(self, event: Event) -> None:
        if self.breaks_after is not None and len(self.events) >= self.breaks_after:
            raise RunError("the disk is full")
        self.events.append(event)

    def of(self, kind: type[Kind]) -> list[Kind]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def ended(self) -> SessionEnded:
        assert isinstance(self.events[-1], SessionEnded)
        return self.events[-1]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return tiny_bundle(Path(tmp_path_factory.mktemp("bundle")))


def pipeline(
    bundle: Bundle,
    items: Sequence[AudioItem | Exception],
    output: Collect,
    *,
    recogniser: Scripted | None = None,
    analyzer: Analyzer | None = None,
    settings: Settings | None = None,
    speakers: Sequence[str | None] = (None,),
    forever: bool = False,
    live: bool = False,
) -> Pipeline:
    source = ArraySource(items, len(speakers), forever=forever)
    analyzer = analyzer or Analyzer(bundle, recogniser or Scripted())
    return Pipeline(
        source, analyzer, [output], settings or FIXED, stream="test", speakers=speakers, live=live
    )


async def cancel_in_a_turn(session: Pipeline, told: Collect) -> None:
    """Run a session until a turn was told to start, and cancel it."""
    running = asyncio.create_task(session.run())
    while not told.of(TurnStarted):
        await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


@pytest.mark.slow
async def test_every_turn_is_told_once_in_order(bundle: Bundle) -> None:
    output = Collect()
    await pipeline(bundle, frames(conversation()), output).run()
    assert isinstance(output.events[0], SessionStarted)
    assert [event.seq for event in output.events] == list(range(1, len(output.events) + 1))
    finals = output.of(TurnFinal)
    assert [final.turn for final in finals] == list(range(1, len(truth()) + 1))
    assert [started.turn for started in output.of(TurnStarted)] == [final.turn for final in finals]
    for final, spoken in zip(finals, truth(), strict=True):
        assert final.start_s == pytest.approx(spoken["start_s"], abs=0.25)
        assert final.end_s == pytest.approx(spoken["end_s"], abs=0.3)
        assert final.latency_ms.endpoint == pytest.approx(500, abs=200)
        assert final.text == "I am happy."
    told = {final.turn for final in finals}
    assert all(revised.turn in told for revised in output.of(TurnRevised))
    assert output.ended.reason == "end of input"
    assert output.ended.turns == len(finals)
    assert output.ended.audio_s == pytest.approx(len(conversation()) / 16000)


async def test_no_sound_no_turns(bundle: Bundle) -> None:
    output = Collect()
    await pipeline(bundle, [], output).run()
    assert [event.type for event in output.events] == ["session.started", "session.ended"]


async def test_words_are_withheld_where_asked(bundle: Bundle) -> None:
    output = Collect()
    await pipeline(
        bundle, frames(conversation()[:120_000]), output, settings=FIXED.model_copy(update={"text": False})
    ).run()
    assert {final.text for final in output.of(TurnFinal)} == {None}
    assert not any("happy" in event.model_dump_json() for event in output.events)


async def test_a_turn_without_words_is_judged_by_its_sound(bundle: Bundle) -> None:
    output = Collect()
    await pipeline(bundle, frames(conversation()[:120_000]), output, recogniser=Scripted("")).run()
    assert all(set(final.modalities) == {"speech"} and final.text == "" for final in output.of(TurnFinal))


@pytest.mark.slow
async def test_each_channel_is_a_speaker(bundle: Bundle) -> None:
    left = conversation().copy()
    right = np.zeros_like(left)
    for spoken in truth():
        if spoken["speaker"] == "Ben":
            where = slice(int(16000 * spoken["start_s"]) - 3200, int(16000 * spoken["end_s"]) + 3200)
            right[where], left[where] = left[where], 0
    both = [item for pair in zip(frames(left), frames(right, channel=1), strict=True) for item in pair]
    output = Collect()
    await pipeline(bundle, both, output, speakers=("Anna", "Ben")).run()
    assert [final.speaker for final in output.of(TurnFinal)] == [spoken["speaker"] for spoken in truth()]
    assert output.ended.audio_s == pytest.approx(len(left) / 16000)


class Remembering(Conversation):
    """A conversation that keeps what it was told."""

    def __init__(self, bundle: Bundle) -> None:
        super().__init__(bundle)
        self.understood: list[Utterance] = []

    def add(self, turn: int, utterance: Utterance, speaker: Hashable = None) -> list[tuple[int, Judgement]]:
        self.understood.append(utterance)
        return super().add(turn, utterance, speaker)


@pytest.mark.slow
@pytest.mark.parametrize("live", [False, True])
async def test_words_are_embedded_live_as_in_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, live: bool
) -> None:
    """With the words told before them, of all channels: also where a turn ends within a longer one."""
    bundle = tiny_bundle(tmp_path, context_turns=2)
    spoken = max(truth(), key=lambda turn: turn["end_s"] - turn["start_s"])
    long = conversation()[int(16_000 * spoken["start_s"]) : int(16_000 * spoken["end_s"])]
    silence = np.zeros(16_000, np.int16)
    left = np.concatenate([silence, *[long] * 2, *[silence, long] * 2, silence])
    right = np.zeros_like(left)
    right[16_000 : 16_000 + len(long) // 2] = long[: len(long) // 2]
    both = [item for pair in zip(frames(left), frames(right, channel=1), strict=True) for item in pair]
    said = ["the day is good", "I am angry!", "", "is it a cat?"]
    remembering = Remembering(bundle)
    monkeypatch.setattr("streamer.session.turn_revisions.Conversation", lambda *_: remembering)
    output = Collect()
    recogniser = Scripted(said, seconds=0.05)
    await pipeline(bundle, both, output, recogniser=recogniser, speakers=("Anna", "Ben"), live=live).run()
    told = [final.turn for final in output.of(TurnFinal)]
    assert told != sorted(told), "one turn lies within another"
    worded = {u.text: u.text_embedding for u in remembering.understood if u.text_embedding is not None}
    texts = list(worded)
    assert texts == [final.text for final in output.of(TurnFinal) if final.text]
    assert texts == [text for text in said if text]
    embedded = torch.stack(list(worded.values()))
    offline, _ = bundle.text.embed(texts, [texts[:row] for row in range(len(texts))])
    torch.testing.assert_close(embedded, offline, atol=1e-5, rtol=0)
    assert not torch.allclose(embedded, bundle.text.embed(texts)[0], atol=1e-3), "context counts"


async def test_a_bundle_without_a_speech_path_judges_by_words(tmp_path: Path) -> None:
    bundle = tiny_bundle(tmp_path, words_only=True, labels=("negative", "positive"))
    output = Collect()
    sound = frames(conversation()[:160_000])
    await pipeline(bundle, sound, output, recogniser=Scripted(["I am happy.", ""])).run()
    finals = output.of(TurnFinal)
    assert len(finals) > 1
    for final in finals:
        assert set(final.modalities) == ({"text"} if final.text else set())
        assert set(final.probabilities) == {"negative", "positive"}


async def test_what_came_before_a_broken_source_is_told(bundle: Bundle) -> None:
    output = Collect()
    items: list[AudioItem | Exception] = [*frames(conversation()[:100_000])]
    with pytest.raises(InputError, match="truncated"):
        await pipeline(bundle, [*items, InputError("x is truncated")], output).run()
    assert len(output.of(TurnFinal)) == 2
    assert output.ended.reason == "error: x is truncated"


async def test_gaps_and_devices_are_told_and_end_turns(bundle: Bundle) -> None:
    sound = conversation()
    cut = int(16000 * truth()[0]["start_s"]) + 16000  # in the middle of the first turn
    items: list[AudioItem] = [
        *frames(sound[:cut]),
        DeviceLost("mic", "unplugged"),
        DeviceBack("mic", 2.0),
        AudioGap(cut, 32_000, "device lost"),
        *frames(sound[cut:100_000], start=cut + 32_000),
    ]
    output = Collect()
    await pipeline(bundle, items, output).run()
    kinds = [event.type for event in output.events]
    assert kinds.index("audio.device_lost") < kinds.index("audio.device_back") < kinds.index("audio.gap")
    assert output.ended.gaps == 1
    assert output.ended.gap_s == 2.0
    first = output.of(TurnFinal)[0]
    assert first.end_s <= cut / 16000


async def test_stop_interrupts_a_silent_source_and_drains(bundle: Bundle) -> None:
    output = Collect()
    session = pipeline(
        bundle, frames(conversation()[:64_000]), output, recogniser=Scripted(seconds=0.3), forever=True
    )
    running = asyncio.create_task(session.run())
    while not output.of(TurnStarted):
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.5)
    session.stop()
    await asyncio.wait_for(running, 5)
    assert output.ended.reason == "interrupted"
    assert output.ended.turns == len(output.of(TurnStarted)) == len(output.of(TurnFinal))


@pytest.mark.slow
async def test_a_slow_recogniser_holds_the_source_back_and_loses_no_turn(bundle: Bundle) -> None:
    output = Collect()
    settings = FIXED.model_copy(update={"pending_turns": 1})
    session = pipeline(
        bundle,
        frames(conversation()),
        output,
        recogniser=Scripted(seconds=0.1),
        settings=settings,
        live=True,
    )
    running = asyncio.create_task(session.run())
    most = 0
    while not running.done():
        most = max(most, session.waiting)
        await asyncio.sleep(0.005)
    await running
    assert most <= 1
    assert len(output.of(TurnFinal)) == len(truth())
    states = [health.status for health in output.of(Health)]
    assert states[:2] == ["degraded", "ok"][: len(states)]
    assert all(one != other for one, other in pairwise(states)), "said once, not for every turn"


async def test_a_broken_recogniser_ends_the_session_saying_so(bundle: Bundle) -> None:
    output = Collect()
    session = pipeline(bundle, frames(conversation()), output, recogniser=Scripted(fails=True), forever=True)
    with pytest.raises(RunError, match="broke"):
        await asyncio.wait_for(session.run(), 30)
    assert output.ended.reason == "error: the recogniser broke"


async def test_a_broken_output_ends_the_session(bundle: Bundle) -> None:
    output = Collect(breaks_after=3)
    with pytest.raises(RunError, match="disk"):
        await asyncio.wait_for(pipeline(bundle, frames(conversation()), output, forever=True).run(), 30)


async def test_a_cancelled_session_still_ends_with_its_last_event(bundle: Bundle) -> None:
    output = Collect()
    session = pipeline(bundle, frames(conversation()[:40_000]), output, forever=True)
    await cancel_in_a_turn(session, output)
    assert output.ended.reason == "interrupted"


@pytest.mark.slow
async def test_streams_beside_each_other_find_the_turns_that_they_find_alone(bundle: Bundle) -> None:
    sounds = [conversation(), conversation()[40_000:300_000], (conversation() * 0.1).astype(np.int16)]
    alone, beside = [Collect() for _ in sounds], [Collect() for _ in sounds]
    for sound, output in zip(sounds, alone, strict=True):
        await pipeline(bundle, frames(sound), output).run()
    analyzer = Analyzer(bundle, Scripted())
    sessions = [
        pipeline(bundle, frames(sound), output, analyzer=analyzer)
        for sound, output in zip(sounds, beside, strict=True)
    ]
    await asyncio.gather(*(session.run() for session in sessions))
    assert analyzer.stages()["voice activity"].busy_s > 0
    for one, other in zip(alone, beside, strict=True):
        assert len(one.of(TurnFinal)) >= 3
        spans = [[(turn.start_s, turn.end_s) for turn in each.of(TurnFinal)] for each in (one, other)]
        assert spans[0] == spans[1]


@pytest.mark.slow
async def test_a_cancelled_session_leaves_those_beside_it_alone(bundle: Bundle) -> None:
    analyzer, output, other = Analyzer(bundle, Scripted()), Collect(), Collect()
    session = pipeline(bundle, frames(np.tile(conversation(), 20)), output, analyzer=analyzer)
    beside = asyncio.create_task(pipeline(bundle, frames(conversation()), other, analyzer=analyzer).run())
    await cancel_in_a_turn(session, other)
    assert output.ended.reason == "interrupted"
    await beside
    assert len(other.of(TurnFinal)) == len(truth())


class MarkAt(Collect):
    """Has the moment marked when a turn is told, and when all is over."""

    pipeline: Pipeline

    async def send(self, event: Event) -> None:
        await super().send(event)
        if isinstance(event, TurnFinal | SessionEnded):
            self.marking = asyncio.create_task(self.pipeline.mark())  # not awaited: events go one by one


@pytest.mark.slow
async def test_a_moment_is_marked_where_the_stream_is_and_only_within_the_session(bundle: Bundle) -> None:
    output = MarkAt()
    session = output.pipeline = pipeline(
        bundle, [*frames(conversation()), AudioGap(0, 16_000, "lost")], output
    )
    await session.mark()
    await session.run()
    await output.marking
    marks, finals = output.of(Mark), output.of(TurnFinal)
    assert len(marks) >= len(finals) - 1 > 0
    for mark in marks:
        told = next(
            event for event in reversed(output.events[: mark.seq - 1]) if isinstance(event, TurnFinal)
        )
        assert mark.at_s >= told.end_s
    assert isinstance(output.events[0], SessionStarted)
    assert output.ended
    assert [event.seq for event in output.events] == list(range(1, len(output.events) + 1))


class Odd(Collect):
    """Raises what it is given at the first turn."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    async def send(self, event: Event) -> None:
        if isinstance(event, TurnFinal):
            raise self.error
        await super().send(event)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError(), "error: ValueError"),
        (MemoryError(), "error: MemoryError"),
        (OSError(" \n "), "error: OSError"),
        (RunError("two\nlines"), "error: two\\nlines"),
        (AssertionError("what"), "error: AssertionError: what"),
    ],
)
async def test_whatever_an_output_raises_the_end_is_told_to_all(
    bundle: Bundle, error: Exception, reason: str
) -> None:
    odd, other = Odd(error), Collect()
    source = ArraySource(frames(conversation()))
    session = Pipeline(source, Analyzer(bundle, Scripted()), [odd, other], FIXED, stream="test")
    with pytest.raises(type(error)):
        await session.run()
    assert odd.ended.reason == other.ended.reason == reason
    assert [event.seq for event in other.events] == list(range(1, len(other.events) + 1))


async def test_whatever_a_source_raises_the_end_is_told(bundle: Bundle) -> None:
    output = Collect()
    session = pipeline(bundle, [*frames(conversation()[:80_000]), KeyError()], output)
    with pytest.raises(KeyError):
        await session.run()
    assert output.ended.reason == "error: KeyError"
    assert session.source_failed


async def test_an_output_that_fails_at_once_ends_the_others_in_order(bundle: Bundle) -> None:
    broken, other = Collect(breaks_after=0), Collect()
    source = ArraySource(frames(conversation()))
    session = Pipeline(source, Analyzer(bundle, Scripted()), [broken, other], FIXED, stream="test")
    with pytest.raises(RunError, match="full"):
        await session.run()
    assert [event.type for event in other.events] == ["session.started", "session.ended"]


@pytest.mark.slow
@pytest.mark.parametrize("live", [False, True])
async def test_when_a_reader_leaves_recordings_go_on_for_the_others_and_live_sound_does_not(
    bundle: Bundle, live: bool
) -> None:
    left, other = Odd(BrokenPipeError()), Collect()
    source = ArraySource(frames(conversation()), forever=live)
    session = Pipeline(source, Analyzer(bundle, Scripted()), [left, other], FIXED, stream="test", live=live)
    with pytest.raises(BrokenPipeError):
        await asyncio.wait_for(session.run(), 60)
    assert other.ended.reason == ("interrupted" if live else "end of input")
    assert other.of(TurnFinal)
    if not live:
        assert len(other.of(TurnFinal)) == len(truth())
