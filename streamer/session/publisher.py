"""Publishes the events of one session to its outputs."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from streamer import events
from streamer.audio.frame import SAMPLE_RATE
from streamer.outputs.base import Output
from streamer.outputs.fan_out import fan_out
from streamer.session.agreed_words import AgreedWords
from streamer.session.load_shedding import Report
from streamer.settings.settings import Settings
from streamer.transcribers.base import Transcript
from streamer.turn_embedding.analyzer import Analyzer
from streamer.turns.turn import Turn
from streamer.version import VERSION

if TYPE_CHECKING:
    from streamer.session.turn_revisions import Judgement


class EventPublisher:
    """Creates the events of a session and sends each to every output, one at a time.

    Attributes:
        session: numbers and timestamps the events.
        gone: outputs whose reader has gone.
    """

    def __init__(
        self,
        stream: str,
        speakers: Sequence[str | None],
        outputs: Sequence[Output],
        settings: Settings,
        analyzer: Analyzer,
    ) -> None:
        self.session = events.Session(stream)
        self.gone: set[Output] = set()
        self._speakers = speakers
        self._outputs = outputs
        self._settings = settings
        self._analyzer = analyzer
        self._recogniser: str | None = None
        self._publishing = asyncio.Lock()

    async def publish(self, kind: type[events.Event], **fields: Any) -> None:
        """Publish an event. A lock makes outputs get events in the order of `seq`.

        A numbered event goes to all outputs, even if the caller is cancelled or an output fails (see
        `fan_out`).
        """
        async with self._publishing:
            event = kind(**self.session.stamp(), **fields)
            handing_out = asyncio.create_task(fan_out(event, self._outputs, self.gone))
            try:
                await asyncio.shield(handing_out)
            except asyncio.CancelledError:
                await asyncio.wait([handing_out])
                raise

    async def started(self, source: str) -> None:
        """Publish the start of the session; the models are there."""
        turns = self._settings.turns
        bundle, self._recogniser = self._analyzer.bundle, self._analyzer.transcriber.name
        await self.publish(
            events.SessionStarted,
            source=source,
            channels=len(self._speakers),
            bundle=bundle.name,
            recogniser=self._recogniser,
            labels=list(bundle.labels),
            settings=events.SessionSettings(
                window=self._settings.window,
                endpoint_ms=turns.endpoint_ms,
                endpointing=turns.endpointing,
                endpoint_min_ms=turns.endpoint_min_ms,
                endpoint_max_ms=turns.endpoint_max_ms,
            ),
            version=VERSION,
        )

    async def turn_started(self, number: int, channel: int, start: int) -> None:
        """Publish the start of a turn, at sample `start`."""
        await self.publish(
            events.TurnStarted,
            turn=number,
            speaker=self._speakers[channel],
            start_s=start / SAMPLE_RATE,
        )

    async def partial(
        self, number: int, channel: int, start: int, words: AgreedWords, judgement: "Judgement"
    ) -> None:
        """Publish the words and the emotion of an open turn so far."""
        await self.publish(
            events.TurnPartial,
            turn=number,
            speaker=self._speakers[channel],
            start_s=start / SAMPLE_RATE,
            text=words.text if self._settings.text else None,
            committed=words.committed if self._settings.text else None,
            emotion=judgement.emotion,
            confidence=judgement.probabilities[judgement.emotion],
        )

    async def judged(
        self,
        number: int,
        turn: Turn,
        said: Transcript,
        latency: events.Latency,
        judgement: "Judgement",
    ) -> None:
        """Publish the result for a turn that has ended: its final event, or a revision."""
        settings = self._settings
        await self.publish(
            events.TurnRevised if judgement.revision else events.TurnFinal,
            turn=number,
            revision=judgement.revision,
            speaker=self._speakers[turn.channel],
            start_s=turn.start / SAMPLE_RATE,
            end_s=turn.end / SAMPLE_RATE,
            text=said.text if settings.text else None,
            language=said.language if said.text else None,
            words_confidence=said.confidence if said.text else None,
            translation=said.translation if settings.text else None,
            words=_words(said, turn) if settings.text and settings.word_times else None,
            emotion=judgement.emotion,
            confidence=judgement.probabilities[judgement.emotion],
            probabilities=judgement.probabilities,
            sentiment=judgement.sentiment,
            valence=judgement.valence,
            arousal=judgement.arousal,
            modalities=judgement.modalities,
            latency_ms=latency,
            recogniser=said.recogniser or self._recogniser,
            bundle=self._analyzer.bundle.name,
        )

    async def health(self, report: Report, queues: Mapping[str, events.QueueHealth]) -> None:
        """Publish a changed status of the analysis."""
        await self.publish(events.Health, status=report.status, message=report.message, queues=dict(queues))


def _words(said: Transcript, turn: Turn) -> list[events.Word]:
    """The words with their times in the stream, within the turn's speech."""

    def at_s(in_turn_s: float) -> float:
        return min(
            max(turn.audio_start / SAMPLE_RATE + in_turn_s, turn.start / SAMPLE_RATE), turn.end / SAMPLE_RATE
        )

    return [
        events.Word(
            text=word.text, start_s=at_s(word.start_s), end_s=at_s(word.end_s), probability=word.probability
        )
        for word in said.words
    ]
