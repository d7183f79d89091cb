"""One channel of a stream: detects its turns, and processes each while it is spoken."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from models.evidence import evidence_of
from streamer.audio.frame import SAMPLE_RATE, AudioFrame, AudioGap
from streamer.errors import RunError
from streamer.session.load_shedding import LoadShedder
from streamer.session.open_turn import OpenTurn, TurnAnalysis
from streamer.session.publisher import EventPublisher
from streamer.settings.settings import Settings
from streamer.transcribers.base import BatchTranscriber, Listening
from streamer.transcribers.clean_words import clean_words
from streamer.turn_embedding.analyzer import AnalyzerClient, Utterance
from streamer.turn_embedding.fair_queue import Priority, Urgency
from streamer.turns.detector import TurnDetector
from streamer.turns.turn import Turn, TurnEnded, TurnEvent, TurnPaused, TurnReopened, TurnResumed, TurnStarted
from streamer.turns.vad import GatedSilero, VadRequest

if TYPE_CHECKING:
    from streamer.session.turn_revisions import Conversation

_FED_AT_A_TIME = SAMPLE_RATE // 8
"""An open turn is recognised in pieces of this length, so that little remains at a pause."""

_BETWEEN_PARTIALS = SAMPLE_RATE // 2

_NEW_SOUND = SAMPLE_RATE * 2 // 5
"""Least sound of a turn to recognise while it is open, from its start or its latest pause on."""

_SAME_WORDS = SAMPLE_RATE
"""Partials without new words are published this often: the emotion changes with the voice."""

_OVERDUE = SAMPLE_RATE
"""Overload: an open turn should have been recognised this long ago."""

_PARTIALS_LAG_S = 0.1
_SPECULATION_LAG_S = 0.2
"""Overload: a more urgent task has waited for this long. A turn is to be published within 0.3 s."""

_PARTIAL_WAITS_S = 0.5
"""Overload: a partial has waited for this long."""

_FEED_LAG = SAMPLE_RATE // 2
"""Overload: processing lags behind speech by this much."""


@dataclass(frozen=True, slots=True)
class EndedTurn:
    """A turn that is over, declared so at a time of `perf_counter`, and what it is being found to be.

    One that was reopened has been over before, and has got longer since.
    """

    number: int
    turn: Turn
    declared_at: float
    analysis: "asyncio.Task[TurnAnalysis]"
    was_reopened: bool


class Channel:
    """One channel of one session. Call `feed` until `flush`, then `close`.

    Each turn that is over goes to `ended`, before any that starts after it is published. Where its sound does
    not come in its own time, nothing is done ahead: it would only take the time of what is to be done.
    """

    def __init__(
        self,
        index: int,
        settings: Settings,
        client: AnalyzerClient,
        conversation: "Conversation",
        publisher: EventPublisher,
        shedder: LoadShedder,
        numbers: Iterator[int],
        ended: Callable[[EndedTurn], Awaitable[None]],
    ) -> None:
        self._index = index
        self._activity = GatedSilero(settings.turns.webrtc_level)
        self._detector = TurnDetector(settings.turns, index, self._activity)
        self._speculate = settings.speculate and client.live
        self._partials = settings.partials and client.live
        gives_interims = isinstance(client.transcriber, BatchTranscriber)
        self._interims = gives_interims and self._speculate and self._partials
        self._client = client
        self._conversation = conversation
        self._publisher = publisher
        self._shedder = shedder
        self._numbers = numbers
        self._ended = ended
        self._number = 0
        self._start = 0
        self._reopened = False
        self._turn: OpenTurn | None = None
        self._before: Listening | None = None
        self._now = 0
        self._feeding: asyncio.Task[None] | None = None
        self._partial: asyncio.Task[None] | None = None
        self._partial_words = ("", "")  # all words of the latest partial, and the committed ones
        self._partial_at = 0  # sample up to which the turn was processed for it
        self._asked_at = 0  # sample at which an open turn was last recognised

    async def feed(self, frame: AudioFrame) -> None:
        """Process the next frame.

        Raises:
            Exception: an error in the analyzer since the last call.
        """
        self._now = frame.start + len(frame.samples)
        await self._follow(await self._detect(frame))
        self._listen()

    async def gap(self, gap: AudioGap) -> None:
        """Process a gap, where sound was lost."""
        await self._follow(self._detector.gap(gap))

    async def flush(self) -> None:
        """End the stream, and with it an open turn."""
        await self._follow(self._detector.flush())

    def close(self) -> None:
        """Cancel everything."""
        if self._turn is not None:
            self._turn.close()
            self._leave()

    async def _detect(self, frame: AudioFrame) -> list[TurnEvent]:
        detector = self._detector
        if self._client.alone:
            return detector.feed(frame)
        happened = detector.accept(frame)
        if len(chunks := detector.unjudged()):
            request = VadRequest(self._activity, chunks, detector.in_turn)
            judging = asyncio.ensure_future(self._client.judge(request))
            try:
                happened += detector.conclude(await asyncio.shield(judging))
            except asyncio.CancelledError:
                await asyncio.wait([judging])  # the detector must not be closed meanwhile
                raise
        return happened

    async def _follow(self, happened: list[TurnEvent]) -> None:
        for event in happened:
            match event:
                case TurnStarted(_, start):
                    self._number = next(self._numbers)
                    self._begin(start)
                    await self._publisher.turn_started(self._number, self._index, start)
                case TurnReopened(_, start):
                    self._begin(start, reopened=True)
                case TurnPaused(turn):
                    self._pause(turn)
                case TurnResumed():
                    self._open_turn().resume()
                case TurnEnded(turn):
                    await self._ended(self._end(turn))

    def _begin(self, start: int, *, reopened: bool = False) -> None:
        self._start, self._reopened = start, reopened
        self._partial_words, self._partial_at = ("", ""), start
        listening = self._client.listen(self._before) if self._speculate else None
        self._before = listening or self._before
        self._turn = OpenTurn(
            self._client,
            listening,
            partial(self._conversation.preceding, self._number),
            self._detector.hint,
        )
        self._client.interim_pace.turns += self._interims

    def _pause(self, turn: Turn) -> None:
        speculate = self._speculate
        if speculate and self._client.lag_s(Urgency.FINAL) > _SPECULATION_LAG_S:
            self._shedder.shed("speculation", monotonic())
            speculate = False
        open_turn = self._open_turn()
        open_turn.pause(turn, speculate=speculate)
        if self._interims and not open_turn.recognises:
            self._partial = _still_running(self._partial)
            self._stop_partial()  # of less sound, and in the way
            if not self._is_time_short():
                self._partial = asyncio.create_task(self._publish_ahead(open_turn))

    def _end(self, turn: Turn) -> EndedTurn:
        declared_at = perf_counter()
        open_turn = self._open_turn()
        self._leave()
        return EndedTurn(self._number, turn, declared_at, open_turn.end(turn), self._reopened)

    def _leave(self) -> None:
        self._turn = None
        self._client.interim_pace.turns -= self._interims
        self._stop_partial()

    def _open_turn(self) -> OpenTurn:
        assert self._turn is not None, "only a turn that has begun can pause, resume or end"
        return self._turn

    def _listen(self) -> None:
        """Process the open turn's new sound, one piece at a time."""
        self._feeding, self._partial = _still_running(self._feeding), _still_running(self._partial)
        turn = self._turn
        if turn is None or turn.pauses:
            return
        if self._interims and not turn.recognises and self._partial is None and self._detector.hears_voice:
            self._ask_for_words(turn)
        if not turn.recognises:
            return
        if self._feeding is not None:
            if self._now - max(turn.fed_to, self._partial_at) > _FEED_LAG:
                self._shed_partial(self._now)
            return
        if self._now - max(turn.fed_to, self._start) >= _FED_AT_A_TIME:
            # Taken now: the turn may have ended when the task begins.
            self._feeding = asyncio.create_task(self._feed_turn(turn, *self._detector.sound(turn.fed_to)))

    def _stop_partial(self) -> None:
        if self._partial is not None:
            self._partial.cancel()

    async def _feed_turn(self, turn: OpenTurn, start: int, sound: NDArray[np.int16]) -> None:
        text = await turn.feed(start, sound)
        fresh = text and text != turn.words.text and turn.fed_to - self._partial_at >= _BETWEEN_PARTIALS
        if not self._partials or not fresh or turn is not self._turn:
            return
        if self._now - turn.fed_to > _FEED_LAG or self._is_time_short():
            self._shed_partial(turn.fed_to)
            return
        self._partial = _still_running(self._partial)
        if self._partial is None:  # otherwise the next piece's result is published
            start, sound = self._detector.sound()
            sound = sound[: max(turn.fed_to - start, 0)]
            turn.words.hear(text or "")
            self._partial = asyncio.create_task(self._publish_partial(turn, sound, turn.words.text))
            self._partial_at = turn.fed_to

    def _ask_for_words(self, turn: OpenTurn) -> None:
        interval = round(self._client.interim_pace.interval_s * SAMPLE_RATE)
        heard_from = max(self._start, turn.settled_to)
        overdue = self._now - max(self._asked_at + interval, heard_from + _NEW_SOUND)
        if overdue < 0:
            return
        if not self._is_time_short():
            self._asked_at = self._now
            self._partial = asyncio.create_task(self._publish_interim(turn, *self._detector.sound()))
        elif overdue > _OVERDUE:  # may be delayed, but not forever
            self._asked_at = self._now
            self._shed_partial(self._now)

    async def _publish_interim(self, turn: OpenTurn, start: int, sound: NDArray[np.int16]) -> None:
        try:
            said = await self._client.interim_words(sound[max(turn.settled_to - start, 0) :])
        except RunError:
            return  # an error shows at the end of the turn
        turn.words.hear(clean_words(said.text))
        stop = start + len(sound)
        if self._is_told(turn) and stop - self._partial_at < _SAME_WORDS:
            return
        self._partial_at = stop
        judged = self._client.judged_words(replace(said, text=turn.words.text))
        await self._publish_partial(turn, sound, judged, said.confidence)

    async def _publish_ahead(self, turn: OpenTurn) -> None:
        analysis = await turn.analyzed_ahead()
        if analysis is not None and not self._is_told(turn):
            await self._publish_provisional(turn, analysis.utterance)

    def _is_told(self, turn: OpenTurn) -> bool:
        """Whether the latest partial has the present words."""
        return self._partial_words == (turn.words.text, turn.words.committed)

    def _is_time_short(self) -> bool:
        """Whether there is no time to embed partials."""
        lag_s = self._client.lag_s
        return lag_s(Urgency.SPECULATIVE) > _PARTIALS_LAG_S or lag_s(Urgency.PARTIAL) > _PARTIAL_WAITS_S

    def _shed_partial(self, at: int) -> None:
        if self._partials:
            self._shedder.shed("partials", monotonic())
        self._partial_at = at

    async def _publish_partial(
        self, turn: OpenTurn, sound: NDArray[np.int16], judged: str, confidence: float | None = None
    ) -> None:
        priority = Priority(Urgency.PARTIAL)
        words, voice = await asyncio.gather(
            self._client.embed_words(judged, self._conversation.preceding(self._number), priority),
            self._client.embed_voice(sound, priority),
        )
        evidence = evidence_of(confidence, len(sound) / SAMPLE_RATE)
        await self._publish_provisional(turn, Utterance(judged, words, voice, evidence))

    async def _publish_provisional(self, turn: OpenTurn, utterance: Utterance) -> None:
        judgement = await self._client.run_context(
            partial(self._conversation.provisional, self._number, utterance, self._index)
        )
        if turn is self._turn:
            self._partial_words = (turn.words.text, turn.words.committed)
            await self._publisher.partial(self._number, self._index, self._start, turn.words, judgement)


def _still_running(task: "asyncio.Task[Any] | None") -> "asyncio.Task[Any] | None":
    """The task, or None once it is done; raises its error."""
    if task is not None and task.done():
        if not task.cancelled():
            task.result()
        return None
    return task
