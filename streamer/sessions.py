"""Wiring: models, sources and outputs put together, and what Ctrl-C does."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from models.bundle import Bundle, load_bundle
from models.errors import BundleError
from streamer.analyzer import Analyzer, share_cores
from streamer.audio.frame import AudioFrame, AudioSource
from streamer.config import Settings
from streamer.errors import InputError
from streamer.interrupts import Interrupts
from streamer.outputs.base import Output
from streamer.pipeline import Pipeline
from streamer.transcribers.choose import load_transcriber
from streamer.transcribers.off import Off

if TYPE_CHECKING:
    from streamer.outputs.mqtt.address import BrokerAddress
    from streamer.outputs.mqtt.output import Mqtt

Notify = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Stream:
    """One source and how it is to be known.

    Attributes:
        source: where the sound comes from.
        name: the stream's name in events and topics.
        speakers: who speaks on each channel; None where that is not known.
        live: whether the sound comes in its own time.
    """

    source: AudioSource
    name: str
    speakers: tuple[str | None, ...] = (None,)
    live: bool = False


def load_models(settings: Settings) -> Bundle:
    """Load the bundle.

    Raises:
        InputError: it can't be had, or was changed.
    """
    try:
        return load_bundle(settings.bundle)
    except BundleError as error:
        raise InputError(str(error)) from error


def load_analyzer(settings: Settings, notify: Notify) -> Analyzer:
    """Load the bundle and the recogniser.

    Args:
        settings: which.
        notify: is told, in one line, when another recogniser than the best has to do, or when there is
            nothing to judge by.

    Raises:
        InputError: one of them can't be had.
    """
    share_cores()
    bundle, transcriber = load_models(settings), load_transcriber(settings.asr, notify)
    if bundle.words_only and isinstance(transcriber, Off):
        notify(f"{bundle.name} judges by the words alone, and nothing recognises them: choose an --asr")
    return Analyzer(bundle, transcriber)


async def run_sessions(
    streams: Sequence[Stream],
    analyzer: Analyzer,
    settings: Settings,
    outputs: Sequence[Output],
    *,
    notify: Notify,
    broker: "BrokerAddress | None" = None,
    meter: Callable[[AudioFrame], None] | None = None,
) -> int:
    """Run one session after the other.

    Args:
        streams: what to listen to.
        analyzer: the heavy part.
        settings: how.
        outputs: what takes the events of all sessions.
        notify: is told what the user should know.
        broker: where each session's events are published too.
        meter: is shown every frame.

    Returns:
        The exit code: 0, or 128 plus the number of the signal that ended it.
    """
    async with AsyncExitStack() as stack:
        for output in outputs:
            await stack.enter_async_context(output)
        for stream in streams:
            async with _published(broker, stream.name) as published:
                pipeline = Pipeline(
                    stream.source,
                    analyzer,
                    [*outputs, *published],
                    settings,
                    stream=stream.name,
                    speakers=stream.speakers,
                    live=stream.live,
                    meter=meter,
                )
                with Interrupts(partial(_finish, pipeline, notify)) as interrupts:
                    await pipeline.run()
                if interrupts.caught:
                    return 128 + interrupts.caught
    return 0


@asynccontextmanager
async def _published(broker: "BrokerAddress | None", stream: str) -> "AsyncIterator[list[Mqtt]]":
    if broker is None:
        yield []
        return
    from streamer.outputs.mqtt.output import Mqtt

    async with Mqtt(broker, stream) as output:
        yield [output]


def _finish(pipeline: Pipeline, notify: Notify) -> None:
    pipeline.stop()
    if pipeline.waiting:
        notify(f"finishing {pipeline.waiting} turns; interrupt again to leave them")
