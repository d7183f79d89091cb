"""Turns understood ahead: used, dropped, awaited, left out; and heard as they are spoken, all of it once."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from models.bundle import Bundle
from streamer.errors import RunError
from streamer.session.open_turn import OpenTurn
from streamer.transcribers.base import Transcript
from streamer.turn_embedding.analyzer import Analyzer, AnalyzerClient
from streamer.turn_embedding.fair_queue import Priority, Urgency
from streamer.turns.turn import Turn
from tests.tiny import tiny_bundle

SOUND = np.random.default_rng(0).normal(0, 500, 64_000).astype(np.int16)


def turn(stop: int, start: int = 1_000) -> Turn:
    return Turn(0, start + 300, stop - 300, SOUND[start:stop], start, stop + 5_000, "silence")


class Slow:
    """A recogniser that writes down how long a turn is, when it may; some lengths break it."""

    name = "slow"

    def __init__(self, *breaks_on: int) -> None:
        self.heard: list[int] = []
        self.may = threading.Event()
        self.may.set()
        self._breaks_on = breaks_on

    def transcribe(self, audio: NDArray[np.int16]) -> Transcript:
        self.heard.append(len(audio))
        assert self.may.wait(20)
        if len(audio) in self._breaks_on:
            raise RunError("the recogniser broke")
        return Transcript(f"{len(audio)} happy")


class Ear:
    """Listens along, and breaks after so many samples."""

    def __init__(self, breaks_after: int = 1_000_000) -> None:
        self.pieces: list[NDArray[np.int16]] = []
        self.finished: list[int] = []
        self.closed = 0
        self._breaks_after = breaks_after

    @property
    def heard(self) -> NDArray[np.int16]:
        return np.concatenate(self.pieces)

    def hear(self, samples: NDArray[np.int16]) -> str:
        assert not self.closed
        self.pieces.append(samples)
        if len(self.heard) > self._breaks_after:
            raise RunError("the ear broke")
        return f"{len(self.heard)} so far"

    def finish(self, audio: NDArray[np.int16]) -> Transcript:
        assert not self.closed
        self.finished.append(len(audio))
        return Transcript(f"{len(audio)} heard")

    def close(self) -> None:
        self.closed += 1


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return tiny_bundle(Path(tmp_path_factory.mktemp("bundle")))


@pytest.fixture
def recogniser() -> Slow:
    return Slow()


@pytest.fixture
def client(bundle: Bundle, recogniser: Slow) -> Iterator[AnalyzerClient]:
    with Analyzer(bundle, recogniser).client() as client:
        yield client


class Hints(list[bool | None]):
    """What was told of turns that pause."""


def open_turn(client: AnalyzerClient, ear: Ear | None = None, hints: Hints | None = None) -> OpenTurn:
    told = Hints() if hints is None else hints
    return OpenTurn(client, ear, lambda: (), told.append)


async def until(true: "threading.Event | None" = None, *, of: "list[int] | None" = None) -> None:
    while not (of if true is None else true.is_set()):
        await asyncio.sleep(0.005)


async def test_what_was_understood_ahead_is_used(client: AnalyzerClient, recogniser: Slow) -> None:
    hints = Hints()
    one = open_turn(client, hints=hints)
    one.pause(turn(20_000), speculate=True)
    while not hints:
        await asyncio.sleep(0.005)
    assert one.pauses
    understood = await one.end(turn(20_000))
    assert understood.utterance.text == "19000 happy"
    assert hints == [None]  # without capitals and marks, nobody knows whether that was all
    assert understood.utterance.text_embedding is not None
    assert understood.utterance.speech_embedding is not None
    assert recogniser.heard == [19_000]


async def test_it_is_dropped_where_the_turn_goes_on(client: AnalyzerClient, recogniser: Slow) -> None:
    hints = Hints()
    one = open_turn(client, hints=hints)
    recogniser.may.clear()
    one.pause(turn(20_000), speculate=True)
    await until(of=recogniser.heard)
    one.resume()
    assert not one.pauses
    recogniser.may.set()
    understood = await one.end(turn(30_000))
    assert understood.utterance.text == "29000 happy"
    assert recogniser.heard == [19_000, 29_000]
    assert hints == []


async def test_it_is_awaited_where_it_is_late_and_not_begun_again(
    client: AnalyzerClient, recogniser: Slow
) -> None:
    one = open_turn(client)
    recogniser.may.clear()
    one.pause(turn(20_000), speculate=True)
    await until(of=recogniser.heard)
    ended = one.end(turn(20_000))
    await asyncio.sleep(0.02)
    assert not ended.done()
    recogniser.may.set()
    assert (await ended).utterance.text == "19000 happy"
    assert recogniser.heard == [19_000]


async def test_a_turn_that_is_over_overtakes_those_that_pause(
    client: AnalyzerClient, recogniser: Slow
) -> None:
    busy, pausing, over = (open_turn(client) for _ in range(3))
    recogniser.may.clear()
    running = busy.end(turn(10_000))
    await until(of=recogniser.heard)
    pausing.pause(turn(20_000), speculate=True)
    over.pause(turn(30_000), speculate=True)
    await asyncio.sleep(0.02)
    ended = over.end(turn(30_000))
    recogniser.may.set()
    await asyncio.gather(running, ended)
    late = await pausing.end(turn(20_000))
    assert late.utterance.text == "19000 happy"
    assert recogniser.heard == [9_000, 29_000, 19_000]


async def test_without_speculation_it_begins_when_the_turn_is_over(
    client: AnalyzerClient, recogniser: Slow
) -> None:
    hints = Hints()
    one = open_turn(client, hints=hints)
    one.pause(turn(20_000), speculate=False)
    await asyncio.sleep(0.02)
    assert recogniser.heard == []
    assert (await one.end(turn(20_000))).utterance.text == "19000 happy"
    assert hints == []


async def test_another_end_than_foreseen_is_understood_anew(client: AnalyzerClient, recogniser: Slow) -> None:
    one = open_turn(client)
    one.pause(turn(20_000), speculate=True)
    assert (await one.end(turn(20_320))).utterance.text == "19320 happy"


async def test_an_error_ahead_is_raised_where_the_turn_ends_so(bundle: Bundle) -> None:
    recogniser = Slow(19_000)
    with Analyzer(bundle, recogniser).client() as client:
        one = open_turn(client)
        one.pause(turn(20_000), speculate=True)
        await until(of=recogniser.heard)
        await asyncio.sleep(0.02)
        with pytest.raises(RunError, match="broke"):
            await one.end(turn(20_000))
        assert recogniser.heard == [19_000]


async def test_an_error_ahead_is_nothing_where_the_turn_goes_on(bundle: Bundle) -> None:
    recogniser = Slow(19_000)
    with Analyzer(bundle, recogniser).client() as client:
        one = open_turn(client)
        one.pause(turn(20_000), speculate=True)
        await until(of=recogniser.heard)
        await asyncio.sleep(0.02)
        one.resume()
        assert (await one.end(turn(30_000))).utterance.text == "29000 happy"


async def test_every_sample_is_heard_once_and_in_order(client: AnalyzerClient, recogniser: Slow) -> None:
    ear = Ear()
    one = open_turn(client, ear)
    assert one.recognises
    assert await one.feed(1_000, SOUND[1_000:9_000]) == "8000 so far"
    await one.feed(8_000, SOUND[8_000:12_000])
    one.pause(turn(14_000), speculate=True)
    while not ear.finished:
        await asyncio.sleep(0.005)
    one.resume()
    await one.feed(one.fed_to, SOUND[one.fed_to : 21_000])
    understood = await one.end(turn(20_000))
    assert understood.utterance.text == "19000 heard"
    whole = await client.embed_voice(turn(20_000).audio, Priority(Urgency.FINAL))
    assert understood.utterance.speech_embedding is not None
    assert whole is not None
    torch.testing.assert_close(understood.utterance.speech_embedding, whole, atol=1e-6, rtol=0)
    assert np.array_equal(ear.heard, SOUND[1_000:21_000])
    assert ear.finished == [13_000, 19_000]
    while not ear.closed:
        await asyncio.sleep(0.005)
    assert ear.closed == 1
    assert recogniser.heard == []


async def test_a_turn_whose_listener_breaks_is_recognised_as_a_whole(
    client: AnalyzerClient, recogniser: Slow
) -> None:
    ear = Ear(breaks_after=10_000)
    one = open_turn(client, ear)
    assert await one.feed(1_000, SOUND[1_000:9_000]) is not None
    assert await one.feed(9_000, SOUND[9_000:18_000]) is None
    assert not one.recognises
    assert (await one.end(turn(20_000))).utterance.text == "19000 happy"
    late = open_turn(client, Ear(breaks_after=10_000))
    late.pause(turn(25_000), speculate=True)
    assert (await late.end(turn(25_000))).utterance.text == "24000 happy"


async def test_what_is_left_is_closed(client: AnalyzerClient, recogniser: Slow) -> None:
    ear = Ear()
    one = open_turn(client, ear)
    one.pause(turn(14_000), speculate=True)
    one.close()
    while not ear.closed:
        await asyncio.sleep(0.005)
    assert recogniser.heard == []
