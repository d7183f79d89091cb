"""Wiring: models, sources and outputs put together, and what Ctrl-C does."""

import gc
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
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
from streamer.outputs.base import Output, output_statuses
from streamer.outputs.terminal.controls import Controls
from streamer.pipeline import Pipeline
from streamer.sentence_end import load_language_model
from streamer.transcribers.base import Transcriber
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


def load_analyzer(settings: Settings, notify: Notify, transcriber: Transcriber | None = None) -> Analyzer:
    """Load the bundle and the recogniser, and whatever else would hold up the first turn.

    What is loaded by then is exempt from garbage collection: looking through it would stall the event loop.

    Args:
        settings: which.
        notify: is told, in one line, when another recogniser than the best has to do, or when there is
            nothing to judge by.
        transcriber: a recogniser to use instead of the one that the settings name.

    Raises:
        InputError: one of them can't be had.
    """
    share_cores()
    bundle, transcriber = load_models(settings), transcriber or load_transcriber(settings.asr, notify)
    if bundle.words_only and isinstance(transcriber, Off):
        notify(f"{bundle.name} judges by the words alone, and nothing recognises them: choose an --asr")
    if settings.turns.endpointing == "adaptive" and not isinstance(transcriber, Off):
        load_language_model()
    gc.freeze()
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
    control: Callable[[Controls], None] | None = None,
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
        control: is given, for each session, what ends it or marks a moment in it (the keys of a view).

    Returns:
        The exit code: 0, 2 where one of several could not be read, or 128 plus the number of the signal that
        ended it.

    Raises:
        InputError: the only one could not be read, or an output can't be written.
        RunError: an output or the recogniser failed.
        BrokenPipeError: nobody is there any more who takes events, or who sees that there is a microphone on.
    """
    code = 0
    async with AsyncExitStack() as stack:
        for output in outputs:
            await stack.enter_async_context(output)
        publish = await stack.enter_async_context(_publishing(broker, settings))
        for stream in streams:
            async with publish(stream.name) as published:
                pipeline = Pipeline(
                    stream.source,
                    analyzer,
                    [*published, *outputs],  # what the others show is safe in the outbox already
                    settings,
                    stream=stream.name,
                    speakers=stream.speakers,
                    live=stream.live,
                    meter=meter,
                )
                with Interrupts(partial(_finish, pipeline, notify)) as interrupts:
                    if control is not None:
                        control(
                            Controls(
                                quit=interrupts.ask,
                                mark=partial(_mark, pipeline),
                                outputs=partial(output_statuses, [*outputs, *published]),
                            )
                        )
                    try:
                        await pipeline.run()
                    except InputError as error:
                        if len(streams) == 1 or not pipeline.source_failed:
                            raise
                        notify(str(error))
                        code = 2
                    except BrokenPipeError:
                        if stream.live or len(outputs) + len(published) == 1:
                            raise
                if interrupts.asked:
                    return 128 + interrupts.caught if interrupts.caught else code
    return code


@asynccontextmanager
async def _publishing(
    broker: "BrokerAddress | None", settings: Settings
) -> "AsyncIterator[Callable[[str], AbstractAsyncContextManager[list[Mqtt]]]]":
    """What makes the outputs that publish a stream, over one outbox: none without a broker."""
    if broker is None:
        yield lambda _: nullcontext([])
        return
    from streamer.outputs.mqtt.output import Mqtt
    from streamer.outputs.outbox.outbox import Outbox

    async with Outbox(settings.outbox) as outbox:

        @asynccontextmanager
        async def publish(stream: str) -> "AsyncIterator[list[Mqtt]]":
            async with Mqtt(broker, stream, outbox, words=settings.text) as output:
                yield [output]

        yield publish


async def _mark(pipeline: Pipeline, streams: Collection[str]) -> None:
    del streams  # there is but one
    await pipeline.mark()


def _finish(pipeline: Pipeline, notify: Notify) -> None:
    pipeline.stop()
    if pipeline.waiting:
        notify(f"finishing {pipeline.waiting} turns; interrupt again to leave them")
