"""The pipeline on live sound: what is done ahead, told ahead, left out, and how it ends."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from time import sleep

import numpy as np
import pytest
from numpy.typing import NDArray

from models.bundle import Bundle
from streamer.audio.frame import AudioItem
from streamer.errors import RunError
from streamer.events import Event, Health, SessionEnded, TurnFinal, TurnPartial, TurnRevised, TurnStarted
from streamer.session.pipeline import Pipeline
from streamer.settings.settings import Settings
from streamer.settings.turns import TurnSettings
from streamer.transcribers.base import Listening, RecognitionRequest, Transcriber, Transcript
from streamer.transcribers.off import Off
from streamer.transcribers.whisper import Whisper
from streamer.turn_embedding.analyzer import Analyzer, AnalyzerClient
from streamer.turn_embedding.interim_pace import InterimPace
from tests.streamer.session.test_pipeline import Collect, Scripted, cancel_in_a_turn
from tests.streamer.sound import ArraySource, conversation, frames
from tests.tiny import tiny_bundle

SOUND = conversation()[: int(16_000 * 7.7)]  # two turns
CUT = int(16_000 * 2.0)
HESITANT = np.concatenate([SOUND[:CUT], np.zeros(6_700, np.int16), SOUND[CUT:]])
"""The same, with a pause of 0.42 s in the first turn."""

SETTINGS = Settings(turns=TurnSettings(endpointing="fixed"))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return tiny_bundle(Path(tmp_path_factory.mktemp("bundle")))


class Patient(ArraySource):
    """Waits after every frame until nothing is to be waited for: time stands still while others work."""

    def __init__(
        self, sound: NDArray[np.int16], busy: Callable[[], bool] = lambda: False, *, forever: bool = False
    ) -> None:
        super().__init__(frames(sound), forever=forever)
        self._busy = busy

    async def __aiter__(self) -> AsyncIterator[AudioItem]:
        async for item in super().__aiter__():
            yield item
            await asyncio.sleep(0.001)
            while self._busy():
                await asyncio.sleep(0.002)


class Attentive:
    """A recogniser that listens, and hears a word every half a second."""

    name = "attentive"

    def __init__(self) -> None:
        self.working = 0
        self.finished = 0
        self.whole = 0
        self.open = 0
        self.missed = 0  # samples of turns that were over before they were heard

    def transcribe(self, audio: NDArray[np.int16]) -> Transcript:
        self.whole += 1
        return Transcript("i am not happy")

    def listen(self, before: Listening | None) -> Listening | None:
        self.open += 1
        return Along(self)


class Along:
    def __init__(self, recogniser: Attentive) -> None:
        self._recogniser = recogniser
        self._heard = 0

    def hear(self, samples: NDArray[np.int16]) -> str:
        self._heard += len(samples)
        return " ".join(["happy"] * (self._heard // 8_000))

    def finish(self, audio: NDArray[np.int16]) -> Transcript:
        self._recogniser.finished += 1
        self._recogniser.missed += max(len(audio) - self._heard, 0)
        return Transcript(" ".join(["happy"] * (len(audio) // 8_000)))

    def close(self) -> None:
        self._recogniser.open -= 1


async def run(
    bundle: Bundle,
    recogniser: Transcriber,
    settings: Settings = SETTINGS,
    busy: Callable[[], bool] = lambda: False,
    sound: NDArray[np.int16] = SOUND,
) -> Collect:
    output = Collect()
    source = Patient(sound, busy)
    analyzer = Analyzer(bundle, recogniser)
    await Pipeline(source, analyzer, [output], settings, stream="test", live=True).run()
    assert [event.seq for event in output.events] == list(range(1, len(output.events) + 1))
    return output


class Counting(Scripted):
    """Knows whether it is at work."""

    def __init__(self, seconds: float, breaks_in_call: int = 0) -> None:
        super().__init__(seconds=seconds)
        self.asked = self.answered = 0
        self._breaks_in_call = breaks_in_call

    def transcribe(self, audio: NDArray[np.int16]) -> Transcript:
        self.asked += 1
        try:
            if self.asked == self._breaks_in_call:
                raise RunError("the recogniser broke")
            return super().transcribe(audio)
        finally:
            self.answered += 1

    @property
    def busy(self) -> bool:
        return self.asked > self.answered


@pytest.mark.slow
async def test_what_was_done_ahead_costs_nothing_when_the_turn_is_over(bundle: Bundle) -> None:
    recogniser = Counting(0.1)
    ahead = (await run(bundle, recogniser, busy=lambda: recogniser.busy)).of(TurnFinal)
    assert [final.turn for final in ahead] == [1, 2]
    assert [final.latency_ms.transcribe for final in ahead] == [0, 0]
    after = (await run(bundle, Counting(0.1), SETTINGS.model_copy(update={"speculate": False}))).of(TurnFinal)
    assert all(final.latency_ms.transcribe >= 100 for final in after)
    assert all(final.latency_ms.total >= 100 for final in after)
    kept = {"turn", "start_s", "end_s", "text", "emotion", "probabilities", "modalities"}
    for one, other in zip(ahead, after, strict=True):
        assert one.model_dump(include=kept) == other.model_dump(include=kept)


async def test_a_failure_ahead_of_a_turn_that_goes_on_is_survived(bundle: Bundle) -> None:
    recogniser = Counting(0.0, breaks_in_call=1)
    output = await run(bundle, recogniser, busy=lambda: recogniser.busy, sound=HESITANT)
    assert [final.turn for final in output.of(TurnFinal)] == [1, 2]
    assert output.ended.reason == "end of input"
    assert recogniser.asked == 3


async def test_a_failure_ahead_of_the_end_ends_the_session_once(bundle: Bundle) -> None:
    output = Collect()
    source = ArraySource(frames(SOUND), forever=True)
    analyzer = Analyzer(bundle, Scripted(fails=True))
    session = Pipeline(source, analyzer, [output], SETTINGS, stream="test", live=True)
    with pytest.raises(RunError, match="broke"):
        await asyncio.wait_for(session.run(), 30)
    assert output.ended.reason == "error: the recogniser broke"


async def test_turns_are_told_of_while_they_are_spoken(bundle: Bundle) -> None:
    recogniser = Attentive()
    output = await run(bundle, recogniser)
    told = output.of(TurnPartial)
    assert {partial.turn for partial in told} == {1, 2}
    positions = {id(event): place for place, event in enumerate(output.events)}
    for number in (1, 2):
        [started] = [event for event in output.of(TurnStarted) if event.turn == number]
        [final] = [event for event in output.of(TurnFinal) if event.turn == number]
        partials = [event for event in told if event.turn == number]
        texts = [partial.text for partial in partials]
        assert len(set(texts)) == len(texts) > 1, "only where the words have changed"
        assert positions[id(started)] < positions[id(partials[0])]
        assert positions[id(partials[-1])] < positions[id(final)]
        assert len(partials) <= (final.end_s - final.start_s) / 0.5 + 1
        assert {partial.start_s for partial in partials} == {final.start_s}
        assert {partial.emotion for partial in partials} <= set(bundle.labels)
    assert recogniser.whole == 0, "they were heard as they were spoken"
    while recogniser.open:
        await asyncio.sleep(0.01)


@pytest.mark.slow
async def test_partials_can_be_left_out_and_keep_withheld_words(bundle: Bundle) -> None:
    silent = await run(bundle, Attentive(), SETTINGS.model_copy(update={"partials": False}))
    assert silent.of(TurnPartial) == []
    withheld = await run(bundle, Attentive(), SETTINGS.model_copy(update={"text": False}))
    assert {(partial.text, partial.committed) for partial in withheld.of(TurnPartial)} == {(None, None)}
    assert not any("happy" in event.model_dump_json() for event in withheld.events)


async def test_nothing_is_done_ahead_without_speculation(bundle: Bundle) -> None:
    recogniser = Attentive()
    output = await run(bundle, recogniser, SETTINGS.model_copy(update={"speculate": False}))
    assert output.of(TurnPartial) == []
    assert (recogniser.whole, recogniser.finished) == (2, 0)


@pytest.mark.slow
async def test_when_time_is_short_partials_go_first_then_speculation_never_turns(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AnalyzerClient, "lag_s", lambda *_: 0.15)
    recogniser = Attentive()
    output = await run(bundle, recogniser, sound=HESITANT)
    assert output.of(TurnPartial) == []
    assert recogniser.finished == 3, "speculation goes on"
    [health] = output.of(Health)
    assert health.status == "degraded"
    assert health.queues["partials"].shed > 0
    assert health.queues["speculation"].shed == 0
    monkeypatch.setattr(AnalyzerClient, "lag_s", lambda *_: 0.3)
    shorter = await run(bundle, recogniser := Attentive(), sound=HESITANT)
    assert recogniser.finished == 2, "only when turns are over"
    assert len(shorter.of(TurnFinal)) == 2


async def test_partials_that_cannot_be_are_not_left_out(bundle: Bundle) -> None:
    """However far behind preparing the voice is: without words while they are spoken there are none."""
    output = Collect()
    source = ArraySource(frames(SOUND))  # all at once
    await Pipeline(source, Analyzer(bundle, Scripted()), [output], SETTINGS, stream="test", live=True).run()
    assert len(output.of(TurnFinal)) == 2
    assert all(health.queues["partials"].shed == 0 for health in output.of(Health))


class Asked(Scripted):
    """A recogniser that does not listen, but may be asked for the words of open turns at any time.

    Args:
        seconds: how long it takes then, and whether it fails.
    """

    def __init__(self, seconds: float = 0.0, *, fails: bool = False) -> None:
        super().__init__()
        self._seconds = seconds
        self._fails = fails
        self.asked: list[int] = []
        self.answered = 0

    def transcribe_together(self, turns: Sequence[RecognitionRequest]) -> list[Transcript]:
        return [self.interim(turn.audio) if turn.is_open else self.transcribe(turn.audio) for turn in turns]

    def interim(self, audio: NDArray[np.int16]) -> Transcript:
        self.asked.append(len(audio))
        sleep(self._seconds)
        self.answered += 1
        if self._fails:
            raise RunError("the recogniser broke")
        return Transcript(f" {len(audio)} samples ")

    @property
    def busy(self) -> bool:
        return len(self.asked) > self.answered

    def of_open(self, partials: Sequence[TurnPartial]) -> list[TurnPartial]:
        """Those that tell its answers, not what was understood at a pause."""
        return [partial for partial in partials if partial.text != "I am happy."]


async def run_asked(
    bundle: Bundle, recogniser: Asked, settings: Settings = SETTINGS, sound: NDArray[np.int16] = SOUND
) -> Collect:
    """Time stands still until every answer is told."""
    output, analyzer = Collect(), Analyzer(bundle, recogniser)

    def busy() -> bool:
        computing = any(batcher._results for batcher in analyzer._workers.prioritised)
        return computing or len(recogniser.asked) > len(recogniser.of_open(output.of(TurnPartial)))

    session = Pipeline(Patient(sound, busy), analyzer, [output], settings, stream="test", live=True)
    await asyncio.wait_for(session.run(), 300)
    return output


@pytest.mark.slow
async def test_a_recogniser_that_does_not_listen_is_asked_again_and_again(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(InterimPace, "interval_s", 0.5)
    recogniser = Asked()
    output = await run_asked(bundle, recogniser)
    plain = await run(bundle, Scripted())
    assert plain.of(TurnPartial) == []
    told = recogniser.of_open(output.of(TurnPartial))
    assert [partial.text for partial in told] == [f"{length} samples" for length in recogniser.asked]
    for final in output.of(TurnFinal):
        lengths = [length for partial, length in zip(told, recogniser.asked, strict=True)
                   if partial.turn == final.turn]  # fmt: skip
        assert len(lengths) >= (final.end_s - final.start_s) / 0.5 - 1 >= 1
        assert all(0.38 <= (b - a) / 16_000 <= 0.8 for a, b in pairwise(lengths))
    assert [final.text for final in output.of(TurnFinal)] == [final.text for final in plain.of(TurnFinal)]
    silent = await run(bundle, Asked(), SETTINGS.model_copy(update={"partials": False}))
    assert silent.of(TurnPartial) == []


class Understanding(Asked):
    """Hears a word in every quarter of a second: its number, and at the end another one, which changes."""

    def transcribe(self, audio: NDArray[np.int16]) -> Transcript:
        return Transcript(" ".join(f"w{n}" for n in range(len(audio) // 4_000)))

    def interim(self, audio: NDArray[np.int16]) -> Transcript:
        super().interim(audio)
        return Transcript(f"{self.transcribe(audio).text} {len(self.asked) % 2}")

    def of_open(self, partials: Sequence[TurnPartial]) -> list[TurnPartial]:
        return [partial for partial in partials if (partial.text or "").split()[-1].isdigit()]


def check_words(partials: Sequence[TurnPartial]) -> None:
    """The committed words of a turn only grow, and begin its text."""
    committed: list[str] = []
    for partial in partials:
        assert partial.text is not None
        assert partial.committed is not None
        assert partial.text.startswith(partial.committed)
        words = partial.committed.split()
        assert words == partial.text.split()[: len(words)]
        assert words[: len(committed)] == committed
        committed = words


async def test_words_that_two_recognitions_agree_on_are_committed(bundle: Bundle) -> None:
    output = await run_asked(bundle, Understanding())
    for number in (1, 2):
        told = [partial for partial in output.of(TurnPartial) if partial.turn == number]
        check_words(told)
        committed = [partial.committed for partial in told]
        assert committed[0] == ""
        assert committed[-1]
        assert all(word.startswith("w") for words in committed for word in (words or "").split())


@pytest.mark.slow
async def test_behind_a_pause_only_what_follows_is_recognised_again(bundle: Bundle) -> None:
    recogniser = Understanding()
    settings = SETTINGS.model_copy(update={"turns": TurnSettings(endpointing="fixed", endpoint_ms=700)})
    output = await run_asked(bundle, recogniser, settings, HESITANT)
    first = output.of(TurnFinal)[0]
    told = [partial for partial in output.of(TurnPartial) if partial.turn == 1]
    check_words(told)
    longest = max(recogniser.asked[: len(recogniser.of_open(told))])
    assert longest / 16_000 < first.end_s - first.start_s - 0.5
    assert len((told[-1].text or "").split()) > longest // 4_000 + 1, "the words before the pause are kept"


@pytest.mark.slow
async def test_many_streams_are_recognised_together_and_lose_no_turn(bundle: Bundle) -> None:
    together: list[tuple[bool, int]] = []

    class Busy(Understanding):
        def transcribe_together(self, turns: Sequence[RecognitionRequest]) -> list[Transcript]:
            [is_open] = {turn.is_open for turn in turns}
            together.append((is_open, len(turns)))
            sleep(0.05)
            return super().transcribe_together(turns)

    analyzer = Analyzer(bundle, Busy())
    outputs = [Collect() for _ in range(8)]
    sessions = [
        Pipeline(Patient(SOUND), analyzer, [output], SETTINGS, stream=f"test {n}", live=True)
        for n, output in enumerate(outputs)
    ]
    await asyncio.gather(*(session.run() for session in sessions))
    assert max(count for is_open, count in together if is_open) > 1
    for output in outputs:
        assert [final.turn for final in output.of(TurnFinal)] == [1, 2]
        for number in (1, 2):
            check_words([partial for partial in output.of(TurnPartial) if partial.turn == number])
    assert analyzer.client().interim_pace.turns == 0


class RealTime(ArraySource):
    """Plays as fast as people speak."""

    async def __aiter__(self) -> AsyncIterator[AudioItem]:
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        async for item in super().__aiter__():
            due_s += 0.02
            await asyncio.sleep(due_s - loop.time())
            yield item


@pytest.mark.slow
async def test_words_come_while_they_are_spoken(bundle: Bundle) -> None:
    output = Collect()
    analyzer = Analyzer(bundle, Whisper("tiny.en", cpu_threads=1))
    await Pipeline(RealTime(frames(SOUND)), analyzer, [output], SETTINGS, stream="test", live=True).run()
    assert output.of(TurnPartial)
    for final in output.of(TurnFinal):
        told = [event for event in output.events if isinstance(event, TurnStarted | TurnPartial | TurnFinal)]
        told = [event for event in told if event.turn == final.turn]
        partials = [event for event in told if isinstance(event, TurnPartial)]
        assert [type(event) for event in told] == [TurnStarted, *[TurnPartial] * len(partials), TurnFinal]
        check_words(partials)
        if analyzer.client().interim_pace.interval_s == 0.5:  # the machine has the time
            times = [event.at.timestamp() for event in (told[0], *partials)]
            assert median(b - a for a, b in pairwise(times)) < 1.5


async def test_without_a_recogniser_the_voice_alone_is_told_of(bundle: Bundle) -> None:
    told = (await run(bundle, Off())).of(TurnPartial)
    assert {partial.turn for partial in told} == {1, 2}
    assert {partial.text for partial in told} == {""}
    assert {partial.emotion for partial in told} <= set(bundle.labels)


@pytest.mark.slow
async def test_one_that_is_too_slow_is_asked_once_though_the_turn_be_over_before_it_answers(
    bundle: Bundle,
) -> None:
    recogniser = Asked(3)
    output = await run(bundle, recogniser)  # whose sound comes much faster than it answers
    assert (len(recogniser.asked), recogniser.answered) == (1, 1)
    assert {partial.text for partial in output.of(TurnPartial)} <= {"I am happy."}, "of pauses"
    assert len(output.of(TurnFinal)) == 2


async def test_asking_for_words_in_vain_ends_nothing(bundle: Bundle) -> None:
    recogniser = Asked(fails=True)
    output = await run(bundle, recogniser, busy=lambda: recogniser.busy)
    assert len(recogniser.asked) > 1
    assert {partial.text for partial in output.of(TurnPartial)} <= {"I am happy."}, "of pauses"
    assert len(output.of(TurnFinal)) == 2


async def test_words_asked_for_wait_a_second_while_time_is_short_and_are_left_out_then(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AnalyzerClient, "lag_s", lambda *_: 0.15)
    recogniser = Asked()
    output = await run(bundle, recogniser)
    assert (recogniser.asked, output.of(TurnPartial)) == ([], [])
    assert [health.queues["partials"].shed > 0 for health in output.of(Health)] == [True]


async def test_stopping_in_the_middle_of_a_turn_tells_it(bundle: Bundle) -> None:
    recogniser = Attentive()
    output = Collect()
    source = Patient(SOUND[: 16_000 * 2], forever=True)
    session = Pipeline(source, Analyzer(bundle, recogniser), [output], SETTINGS, stream="test", live=True)
    running = asyncio.create_task(session.run())
    async with asyncio.timeout(60):
        while not output.of(TurnPartial):
            await asyncio.sleep(0.01)
    session.stop()
    await asyncio.wait_for(running, 20)
    assert output.ended.reason == "interrupted"
    assert [final.turn for final in output.of(TurnFinal)] == [1]
    while recogniser.open:
        await asyncio.sleep(0.01)


async def test_cancelling_in_the_middle_of_a_turn_leaves_nothing_behind(bundle: Bundle) -> None:
    recogniser = Attentive()
    output = Collect()
    source = Patient(SOUND[: 16_000 * 2], forever=True)
    session = Pipeline(source, Analyzer(bundle, recogniser), [output], SETTINGS, stream="test", live=True)
    await cancel_in_a_turn(session, output)
    assert output.ended.reason == "interrupted"
    while recogniser.open:
        await asyncio.sleep(0.01)
    others = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.wait(others, timeout=5) if others else None
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.slow
@pytest.mark.parametrize("end_s", [1.9, 2.06, 2.22, 2.38, 2.54, 2.7, 2.86, 3.02])
async def test_a_turn_that_the_end_cuts_off_is_heard_to_its_end(bundle: Bundle, end_s: float) -> None:
    recogniser = Attentive()
    for cut in range(0, 2_560, 320):
        source = ArraySource(frames(SOUND[: int(end_s * 16_000) + cut]))
        analyzer = Analyzer(bundle, recogniser)
        await Pipeline(source, analyzer, [Collect()], SETTINGS, stream="test", live=True).run()
    assert recogniser.finished >= 8
    assert recogniser.missed == 0


class Slow(Collect):
    """Takes its time over partials, and may be left alone with them."""

    async def send(self, event: Event) -> None:
        if isinstance(event, TurnPartial):
            await asyncio.sleep(0.12)
        await super().send(event)


async def test_a_partial_that_is_overtaken_while_it_is_told_leaves_no_hole(bundle: Bundle) -> None:
    slow = Slow()
    pipeline = Pipeline(
        Patient(SOUND), Analyzer(bundle, Attentive()), [slow], SETTINGS, stream="test", live=True
    )
    await pipeline.run()
    assert any(isinstance(event, TurnPartial) for event in slow.events)
    assert [event.seq for event in slow.events] == list(range(1, len(slow.events) + 1))


async def test_a_partial_that_comes_while_another_is_told_waits_for_it(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "streamer.session.channel._FEED_LAG", 10**9
    )  # sound comes faster here than people talk
    slow = Slow()
    await Pipeline(
        Patient(SOUND), Analyzer(bundle, Attentive()), [slow], SETTINGS, stream="test", live=True
    ).run()
    assert slow.of(TurnPartial)
    assert slow.of(Health) == []


class Unfinished(Counting):
    """Hears a sentence that breaks off in sound of less than 2.5 s."""

    def __init__(self) -> None:
        super().__init__(0)

    def transcribe(self, audio: NDArray[np.int16]) -> Transcript:
        super().transcribe(audio)
        return Transcript("Well. I went to" if len(audio) < 40_000 else "Well. I went to the market.")


async def test_a_turn_that_was_ended_too_early_becomes_one_turn(bundle: Bundle) -> None:
    recogniser = Unfinished()
    too_long = np.concatenate([SOUND[:CUT], np.zeros(12_000, np.int16), SOUND[CUT:]])
    told = await run(bundle, recogniser, busy=lambda: recogniser.busy, sound=too_long)
    started, finals, revised = told.of(TurnStarted), told.of(TurnFinal), told.of(TurnRevised)
    assert [each.turn for each in started] == [each.turn for each in finals] == [1, 2]
    whole = next(each for each in revised if each.turn == 1)
    assert (finals[0].text, whole.text) == ("Well. I went to", "Well. I went to the market.")
    assert whole.revision == 1
    assert whole.start_s == finals[0].start_s
    assert finals[0].end_s + 0.7 < whole.end_s < finals[1].start_s
    assert told.of(SessionEnded)[0].turns == 2
