"""Publishes the events of one session to its outputs."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from models.bundle import Bundle
from streamer import events
from streamer.audio.frame import SAMPLE_RATE
from streamer.outputs.base import Output
from streamer.outputs.fan_out import fan_out
from streamer.session.agreed_words import AgreedWords
from streamer.session.load_shedding import Report
from streamer.session.turn_revisions import Judgement
from streamer.settings.settings import Settings
from streamer.turns.turn import Turn
from streamer.version import VERSION


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
        bundle: Bundle,
        recogniser: str,
    ) -> None:
        self.session = events.Session(stream)
        self.gone: set[Output] = set()
        self._speakers = speakers
        self._outputs = outputs
        self._settings = settings
        self._bundle = bundle
        self._recogniser = recogniser
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
        """Publish the start of the session."""
        turns = self._settings.turns
        await self.publish(
            events.SessionStarted,
            source=source,
            channels=len(self._speakers),
            bundle=self._bundle.name,
            recogniser=self._recogniser,
            labels=list(self._bundle.labels),
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
        self, number: int, channel: int, start: int, words: AgreedWords, judgement: Judgement
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
        text: str,
        latency: events.Latency,
        judgement: Judgement,
        *,
        recogniser: str | None = None,
    ) -> None:
        """Publish the result for a turn that has ended: its final event, or a revision."""
        await self.publish(
            events.TurnRevised if judgement.revision else events.TurnFinal,
            turn=number,
            revision=judgement.revision,
            speaker=self._speakers[turn.channel],
            start_s=turn.start / SAMPLE_RATE,
            end_s=turn.end / SAMPLE_RATE,
            text=text if self._settings.text else None,
            emotion=judgement.emotion,
            confidence=judgement.probabilities[judgement.emotion],
            probabilities=judgement.probabilities,
            sentiment=judgement.sentiment,
            valence=judgement.valence,
            modalities=judgement.modalities,
            latency_ms=latency,
            recogniser=recogniser or self._recogniser,
            bundle=self._bundle.name,
        )

    async def health(self, report: Report, queues: Mapping[str, events.QueueHealth]) -> None:
        """Publish a changed status of the analysis."""
        await self.publish(events.Health, status=report.status, message=report.message, queues=dict(queues))
