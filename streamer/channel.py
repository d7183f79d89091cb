"""One channel of a stream: its turns, each listened to while it is spoken."""

import asyncio
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamer.analysis.fair_queue import Priority, Urgency
from streamer.analyzer import Analyzer, Lane, Utterance
from streamer.audio.frame import SAMPLE_RATE, AudioFrame
from streamer.config import Settings
from streamer.conversation import Conversation
from streamer.errors import RunError
from streamer.load import Load
from streamer.speaking import Speaking, Understanding
from streamer.telling import Teller
from streamer.transcribers.base import InterimTranscriber, Listening, ListeningTranscriber
from streamer.transcribers.mending import mended
from streamer.turn_events import Turn, TurnEvent
from streamer.turns import TurnDetector
from streamer.vad import GatedSilero, Heard

_HEARD_AT_A_TIME = SAMPLE_RATE // 8
_PREPARED_AT_A_TIME = SAMPLE_RATE
"""A turn is listened to in pieces of this length, longer ones where its voice alone is, which is cheap: when
it pauses, no more than that is left to hear."""

_BETWEEN_PARTIALS = SAMPLE_RATE // 2

_BETWEEN_INTERIMS = SAMPLE_RATE

_PARTIALS_LAG_S = 0.1
_SPECULATION_LAG_S = 0.2
"""Time is short when what is more urgent has waited for so long: a turn is to be told within 0.3 s."""

_PARTIAL_WAITS_S = 0.5
"""Time is short, too, when a partial waits for so long."""

_EAR_LAG = SAMPLE_RATE // 2
"""Time is short, too, when a turn is heard later than it is spoken by this much."""


class Channel:
    """One channel of one session.

    Args:
        index: of the channel.
        settings: how.
        analyzer: shared.
        lane: the stream's access to it.
        conversation: the stream's.
        teller: of the session.
        load: is told what is left out.
        live: whether sound comes in its own time. Where it does not, nothing is done ahead: it would only
            take the time of what is to be done.
    """

    def __init__(
        self,
        index: int,
        settings: Settings,
        analyzer: Analyzer,
        lane: Lane,
        conversation: Conversation,
        teller: Teller,
        load: Load,
        *,
        live: bool,
    ) -> None:
        self.index = index
        self._activity = GatedSilero(settings.turns.webrtc_level)
        self.detector = TurnDetector(settings.turns, index, self._activity)
        self._speculate = settings.speculate and live
        self._partials = settings.partials and live
        gives_interims = isinstance(analyzer.transcriber, InterimTranscriber)
        self._interims = gives_interims and self._speculate and self._partials
        self._silence_s = settings.turns.silences_ms[0] / 1000
        self._analyzer = analyzer
        self._lane = lane
        self._conversation = conversation
        self._teller = teller
        self._load = load
        self._number = 0
        self._start = 0
        self._speaking: Speaking | None = None
        self._before: Listening | None = None
        self._now = 0
        self._ear: asyncio.Task[None] | None = None
        self._partial: asyncio.Task[None] | None = None
        self._told = ""  # the words of the latest partial
        self._told_at = 0  # how much of the turn had been heard by then

    async def feed(self, frame: AudioFrame) -> list[TurnEvent]:
        """Take in the next frame; what happened is to be answered by `begin`, `pause`, `resume` or `end`."""
        self._now = frame.start + len(frame.samples)
        if self._lane.alone:
            return self.detector.feed(frame)
        events = self.detector.accept(frame)
        if len(chunks := self.detector.unjudged()):
            heard = Heard(self._activity, chunks, self.detector.in_turn)
            judging = asyncio.ensure_future(self._lane.judge(heard))
            try:
                events += self.detector.conclude(await asyncio.shield(judging))
            except asyncio.CancelledError:
                await asyncio.wait([judging])  # whoever closes the detector must not come between
                raise
        return events

    def begin(self, number: int, start: int) -> None:
        """A turn starts, at sample `start`."""
        self._number, self._start = number, start
        self._told, self._told_at = "", start
        listening = None
        transcriber = self._analyzer.transcriber
        if self._speculate and isinstance(transcriber, ListeningTranscriber):
            listening = transcriber.listen(self._before)
            self._before = listening or self._before
        self._speaking = Speaking(
            self._lane,
            listening,
            self._lane.voice_listening() if self._speculate else None,
            lambda: self._conversation.preceding,
            self.detector.hint,
        )

    def listen(self) -> None:
        """Have what was fed be heard, in time; to be called after every frame.

        Raises:
            Exception: what went wrong since the last call.
        """
        self._ear, self._partial = _still_running(self._ear), _still_running(self._partial)
        speaking = self._speaking
        if speaking is None or speaking.pauses:
            return
        if self._interims and not speaking.recognises and self._partial is None:
            self._ask_for_words(speaking)
        if not speaking.listens:
            return
        if self._ear is not None:
            if speaking.recognises and self._now - max(speaking.heard, self._told_at) > _EAR_LAG:
                self._leave_out_partial(self._now)
            return
        piece = _HEARD_AT_A_TIME if speaking.recognises else _PREPARED_AT_A_TIME
        if self._now - max(speaking.heard, self._start) >= piece:
            # What there is to be heard now: when the task begins, the turn may be over.
            self._ear = asyncio.create_task(self._hear(speaking, *self.detector.sound(speaking.heard)))

    def pause(self, turn: Turn) -> None:
        """The turn pauses."""
        speaking = self._ongoing()
        speculate = self._speculate
        if speculate and self._analyzer.lag_s(Urgency.FINAL) > _SPECULATION_LAG_S:
            self._load.leave_out("speculation", monotonic())
            speculate = False
        speaking.pause(turn, speculate=speculate)

    def resume(self) -> None:
        """The turn goes on."""
        self._ongoing().resume()

    def end(self, turn: Turn) -> tuple[int, "asyncio.Task[Understanding]"]:
        """The turn is over: its number, and how it is understood."""
        speaking, self._speaking = self._ongoing(), None
        self._stop_partial()
        return self._number, speaking.end(turn)

    def close(self) -> None:
        """Leave everything."""
        self._stop_partial()
        if self._speaking is not None:
            self._speaking.close()
            self._speaking = None

    def _ongoing(self) -> Speaking:
        assert self._speaking is not None, "only a turn that has begun can pause, resume or end"
        return self._speaking

    def _stop_partial(self) -> None:
        if self._partial is not None:
            self._partial.cancel()

    async def _hear(self, speaking: Speaking, start: int, sound: NDArray[np.int16]) -> None:
        text = await speaking.hear(start, sound)
        fresh = text and text != self._told and speaking.heard - self._told_at >= _BETWEEN_PARTIALS
        if not self._partials or not fresh or speaking is not self._speaking:
            return
        if self._now - speaking.heard > _EAR_LAG or self._is_time_short():
            self._leave_out_partial(speaking.heard)
            return
        self._partial = _still_running(self._partial)
        if self._partial is None:  # else what is heard next is told instead
            start, sound = self.detector.sound()
            sound = sound[: max(speaking.heard - start, 0)]
            self._partial = asyncio.create_task(self._tell_partial(speaking, text or "", sound))
            self._told_at = speaking.heard

    def _ask_for_words(self, speaking: Speaking) -> None:
        overdue = self._now - max(self._told_at, self._start) - _BETWEEN_INTERIMS
        if overdue < 0:
            return
        if self._is_time_short():  # it can wait for better times, but not for ever
            if overdue > _BETWEEN_INTERIMS:
                self._leave_out_partial(self._now)
        elif self._lane.gives_interim_words(self._silence_s):
            self._told_at = self._now
            self._partial = asyncio.create_task(self._tell_interim(speaking, *self.detector.sound()))

    async def _tell_interim(self, speaking: Speaking, start: int, sound: NDArray[np.int16]) -> None:
        if not self._lane.gives_interim_words(self._silence_s):
            return  # another channel was quicker
        try:
            said = await self._lane.interim_words(sound)
        except RunError:
            return  # whether it is broken is seen when the turn is over
        await speaking.hear(start, sound)
        await self._tell_partial(speaking, mended(said.text), sound)

    def _is_time_short(self) -> bool:
        """Whether partials have no place among what is to be embedded."""
        lag_s = self._analyzer.lag_s
        return lag_s(Urgency.SPECULATIVE) > _PARTIALS_LAG_S or lag_s(Urgency.PARTIAL) > _PARTIAL_WAITS_S

    def _leave_out_partial(self, at: int) -> None:
        if self._partials:
            self._load.leave_out("partials", monotonic())
        self._told_at = at

    async def _tell_partial(self, speaking: Speaking, text: str, sound: NDArray[np.int16]) -> None:
        priority = Priority(Urgency.PARTIAL)
        words, voice = await asyncio.gather(
            self._lane.embed_words(text, self._conversation.preceding, priority),
            speaking.embed_voice(sound, priority),
        )
        judgement = await self._lane.in_context(
            lambda: self._conversation.provisional(Utterance(text, words, voice))
        )
        if speaking is self._speaking:
            self._told = text
            await self._teller.partial(self._number, self.index, self._start, text, judgement)


def _still_running(task: "asyncio.Task[Any] | None") -> "asyncio.Task[Any] | None":
    """The task, until it is done; raises what it raised."""
    if task is not None and task.done():
        if not task.cancelled():
            task.result()
        return None
    return task
