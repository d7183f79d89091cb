"""The Python interface: `async for event in streamer.analyze(source)` (docs/python.md)."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from models.bundle import Bundle
from streamer.audio.array_source import ArraySource
from streamer.audio.file import FileSource
from streamer.audio.frame import AudioSource
from streamer.errors import InputError
from streamer.events import Event
from streamer.outputs.base import Output
from streamer.session import wiring as sessions
from streamer.session.pipeline import Pipeline
from streamer.settings.settings import Settings, load_settings
from streamer.transcribers.base import Transcriber
from streamer.transcribers.choose import load_transcriber
from streamer.turn_embedding.analyzer import Analyzer

MICROPHONE = "microphone"

_WAITING = 64
"""Most events that wait for the caller; then the session waits."""

Source = str | PathLike[str] | int | NDArray[Any] | AudioSource


def load_models(
    settings: Settings | None = None,
    *,
    recogniser: Transcriber | str | None = None,
    bundle: Bundle | str | PathLike[str] | None = None,
) -> Analyzer:
    """Load the models once, for several analyses at once or in succession (`analyze(analyzer=...)`).

    This blocks for seconds. Call `Analyzer.close` when done.

    Args:
        settings: the settings; by default those of merits.toml and the environment.
        recogniser: a `Transcriber`, or a name as for `--asr`; by default the settings' one.
        bundle: a loaded bundle, or its folder or name; by default the settings' one.

    Raises:
        InputError: one of them is not available.
    """
    settings = settings or load_settings()
    if not isinstance(bundle, Bundle):
        chosen = settings.bundle if bundle is None else fspath(bundle)
        bundle = sessions.load_models(settings.model_copy(update={"bundle": chosen}))
    if recogniser is None or isinstance(recogniser, str):
        recogniser = load_transcriber(
            recogniser or settings.asr, settings.language, translate=settings.translate
        )
    return Analyzer(bundle, recogniser)


def analyze(  # noqa: PLR0913 - a public call, all but two by keyword
    source: Source,
    settings: Settings | None = None,
    *,
    rate: int | None = None,
    outputs: Sequence[Output] = (),
    recogniser: Transcriber | str | None = None,
    bundle: Bundle | str | PathLike[str] | None = None,
    analyzer: Analyzer | None = None,
    stream: str | None = None,
    speakers: Sequence[str | None] | None = None,
    live: bool | None = None,
) -> "Analysis":
    """Analyze a conversation: `async for event in analyze(source)`.

    The first event is `SessionStarted`, the last one `SessionEnded`; the sound is read no faster than events
    are consumed. Leaving the loop ends the session. Its resources are released soon after, or, with `async
    with analyze(source) as events`, before the next line runs. Each iteration is a new session.

    Args:
        source: the path of a recording or a pipe, or "-" for standard input; "microphone" for the default
            microphone, "microphone:NAME" or a number for another; an array, [n] or [n, channels], with its
            `rate`; or any `AudioSource`.
        settings: the settings; by default those of merits.toml and the environment.
        rate: sample rate of an array, in Hz.
        outputs: further receivers of the events (see `Output`).
        recogniser: one of your own (see `Transcriber`), or as `--asr` has it; by default the settings'.
        bundle: a loaded bundle, or its folder or name; by default the settings' one.
        analyzer: models loaded before (`load_models`), instead of `recogniser` and `bundle`.
        stream: name of the stream in events; by default that of the recording or source.
        speakers: speaker of each channel, if the settings split channels or the source has several.
        live: whether the sound comes in real time, so that partial results are worth their cost; by default
            for microphones and for an `AudioSource`.

    Raises:
        InputError: an argument is invalid. While iterating: the source or a model is not available, or the
            source failed; events of the sound before were delivered.
        RunError: while iterating: the recogniser or an output failed.
    """
    settings = settings or load_settings()
    if analyzer is not None and (recogniser is not None or bundle is not None):
        raise InputError("an analyzer has its own recogniser and bundle: give these to load_models()")
    opened, is_live = _open(source, settings, rate)
    if speakers is None:
        several = settings.channels == "split" or opened.channels > 1
        speakers = [f"channel-{number + 1}" for number in range(opened.channels)] if several else [None]
    if len(speakers) != opened.channels:
        raise InputError(f"there are {len(speakers)} speakers, but {opened.channels} channels")
    name = stream or (opened.stem if isinstance(opened, FileSource) else opened.name)
    load = partial(load_models, settings, recogniser=recogniser, bundle=bundle)
    pipeline = partial(
        Pipeline,
        opened,
        settings=settings,
        stream=name,
        speakers=speakers,
        live=is_live if live is None else live,
    )
    return Analysis(partial(_events, pipeline, analyzer or load, outputs))


class Analysis:
    """The result of `analyze`: iterate over it, directly or within `async with`."""

    def __init__(self, events: Callable[[], AsyncGenerator[Event, None]]) -> None:
        self._events = events
        self._iterators: list[AsyncGenerator[Event, None]] = []
        self._entered = False

    async def __aenter__(self) -> Self:
        self._entered = True
        return self

    async def __aexit__(self, *_: object) -> None:
        for iterator in self._iterators:
            await iterator.aclose()
        self._iterators.clear()
        self._entered = False

    def __aiter__(self) -> AsyncIterator[Event]:
        iterator = self._events()
        if self._entered:  # otherwise only the loop refers to it, and leaving the loop closes it
            self._iterators.append(iterator)
        return iterator


async def _events(
    pipeline: Callable[..., Pipeline], analyzer: Analyzer | Callable[[], Analyzer], outputs: Sequence[Output]
) -> AsyncGenerator[Event, None]:
    """Run a session, for its events, on an analyzer that is there or is loaded for it."""
    async with AsyncExitStack() as stack:
        if not isinstance(analyzer, Analyzer):
            analyzer = await asyncio.to_thread(analyzer)
            stack.callback(analyzer.close)
        for output in outputs:
            await stack.enter_async_context(output)
        handover = _Handover()
        session = asyncio.create_task(
            handover.fill(pipeline(analyzer=analyzer, outputs=[handover, *outputs]))
        )
        try:
            while (event := await handover.take()) is not None:
                yield event
            await session
        finally:
            handover.close()
            session.cancel()
            await asyncio.wait([session])


class _Handover(Output):
    """An output that queues events for the caller; while the queue is full, the session waits."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[Event | None] = asyncio.Queue(_WAITING)
        self._closed = False

    async def send(self, event: Event | None) -> None:
        if not self._closed:
            await self._waiting.put(event)

    async def take(self) -> Event | None:
        """The next event; None after the last."""
        return await self._waiting.get()

    async def fill(self, pipeline: Pipeline) -> None:
        """Run a session to its end."""
        try:
            await pipeline.run()
        finally:
            await self.send(None)

    def close(self) -> None:
        """Discard further events, and release a waiting sender."""
        self._closed = True
        while not self._waiting.empty():
            self._waiting.get_nowait()


def _open(source: Source, settings: Settings, rate: int | None) -> tuple[AudioSource, bool]:
    """Open the source; returns it, and whether its sound comes in real time."""
    split = settings.channels == "split"
    if isinstance(source, np.ndarray):
        if rate is None:
            raise InputError("an array needs its sample rate: analyze(sound, rate=16_000)")
        return ArraySource(source, rate, split_channels=split), False
    if rate is not None:
        raise InputError("rate is for arrays only; other sources know theirs")
    if isinstance(source, int) or (isinstance(source, str) and source.partition(":")[0] == MICROPHONE):
        from streamer.audio.microphone import MicrophoneSource

        device = source if isinstance(source, int) else source.partition(":")[2]
        return MicrophoneSource(device if device != "" else None), True
    if isinstance(source, str | PathLike):
        return FileSource(Path(source), split_channels=split, pace=settings.pace), settings.pace == "realtime"
    if not (hasattr(source, "__aiter__") and hasattr(source, "__aenter__")):
        raise InputError(f"{type(source).__name__} is no source: a path, an array, or an AudioSource")
    return source, True
