"""Connects models, sources and outputs to sessions, and runs them until the end or Ctrl-C."""

import gc
import logging
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from models.errors import BundleError
from streamer.audio.frame import AudioSource
from streamer.errors import InputError
from streamer.machine.interrupts import Interrupts
from streamer.outputs.base import Output, OutputStatus, output_statuses
from streamer.outputs.controls import Controls
from streamer.outputs.mqtt.publishing import publishing
from streamer.session.pipeline import Pipeline
from streamer.settings.settings import Settings
from streamer.transcribers.base import Transcriber
from streamer.transcribers.choose import load_transcriber
from streamer.transcribers.off import Off
from streamer.turn_embedding.analyzer import (
    Analyzer,
    bound_compiled_shapes,
    share_cores,
    share_interpreter,
)
from streamer.turn_embedding.choose_bundle import choose_bundle
from streamer.turn_embedding.loading import LoadingAnalyzer

if TYPE_CHECKING:
    from models.bundle import Bundle
    from streamer.outputs.mqtt.address import BrokerAddress
    from streamer.outputs.terminal.view import TerminalView

_log = logging.getLogger("merits")


@dataclass(frozen=True, slots=True)
class Stream:
    """A source, and how it is to be known: who speaks on each channel, whether it comes in its own time."""

    source: AudioSource
    name: str
    speakers: tuple[str | None, ...] = (None,)
    live: bool = False


def load_models(settings: Settings) -> "Bundle":
    """Load the bundle.

    Raises:
        InputError: it is not available, or was changed.
    """
    try:
        return choose_bundle(settings.bundle)
    except BundleError as error:
        raise InputError(str(error)) from error


def load_analyzer(settings: Settings, transcriber: Transcriber | None = None) -> Analyzer:
    """Load the bundle, the recogniser, and everything else that would delay the first turn.

    All loaded objects are exempted from garbage collection, which would stall the event loop.

    Args:
        settings: name the bundle and the recogniser.
        transcriber: a recogniser to use instead of the settings' one.

    Raises:
        InputError: one of them is not available.
    """
    analyzer = Analyzer(*_load(settings, transcriber))
    gc.freeze()
    return analyzer


def begin_to_load(settings: Settings) -> Analyzer:
    """An analyzer that loads the same in a thread; `Analyzer.ready` says when it is there."""
    return LoadingAnalyzer(partial(_load, settings))


def _load(settings: Settings, transcriber: Transcriber | None = None) -> "tuple[Bundle, Transcriber]":
    share_interpreter()
    bound_compiled_shapes()
    with ThreadPoolExecutor(1) as beside:  # half of the work is done in C: hashes, reading, linking
        networks = beside.submit(load_models, settings)
        transcriber = transcriber or load_transcriber(
            settings.asr, settings.language, translate=settings.translate
        )
        bundle = networks.result()
    share_cores()  # now: a model of CTranslate2 sets the number of threads of torch, too
    if bundle.words_only and isinstance(transcriber, Off):
        _log.warning(
            "%s judges by the words alone, and nothing recognises them: choose an --asr", bundle.name
        )
    return bundle, transcriber


async def run_sessions(
    streams: Sequence[Stream],
    analyzer: Analyzer,
    settings: Settings,
    outputs: Sequence[Output],
    *,
    broker: "BrokerAddress | None" = None,
    view: "TerminalView | None" = None,
) -> int:
    """Run sessions one after the other.

    Returns:
        The exit code: 0, 2 if one of several streams could not be read, or 128 plus the number of the signal
        that ended the run.

    Raises:
        InputError: the only stream could not be read, or an output cannot be written.
        RunError: an output or the recogniser failed.
        BrokenPipeError: no reader of events is left, or none who can see that a microphone is on.
    """
    code = 0
    async with AsyncExitStack() as stack:
        for output in outputs:
            await stack.enter_async_context(output)
        broker_outputs = await stack.enter_async_context(
            publishing(broker, settings.outbox, words=settings.text)
        )

        def statuses() -> list[OutputStatus]:
            return [*output_statuses(outputs), *broker_outputs.statuses]

        for stream in streams:
            async with broker_outputs.stream(stream.name) as published:
                pipeline = Pipeline(
                    stream.source,
                    analyzer,
                    [*published, *outputs],  # before the others: what they show is already in the outbox
                    settings,
                    stream=stream.name,
                    speakers=stream.speakers,
                    live=stream.live,
                    meter=None if view is None else view.hear,
                )
                with Interrupts(partial(_finish, pipeline)) as interrupts:
                    if view is not None:
                        view.control(
                            Controls(
                                quit=interrupts.ask,
                                mark=partial(_mark, pipeline),
                                outputs=statuses,
                            )
                        )
                    try:
                        await pipeline.run()
                    except InputError as error:
                        if len(streams) == 1 or not pipeline.source_failed:
                            raise
                        _log.warning("%s", error)
                        code = 2
                    except BrokenPipeError:
                        if stream.live or len(outputs) + len(published) == 1:
                            raise
                if interrupts.asked:
                    return interrupts.exit_code or code
    return code


async def _mark(pipeline: Pipeline, streams: Collection[str]) -> None:
    del streams  # drops the only other reference
    await pipeline.mark()


def _finish(pipeline: Pipeline) -> None:
    pipeline.stop()
    if pipeline.waiting:
        _log.warning("finishing %d turns; interrupt again to leave them", pipeline.waiting)
