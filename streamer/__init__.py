"""Live analysis: audio in; turns, words and embeddings, emotions in context; events out.

    async for event in streamer.analyze("talk.wav"):
        if isinstance(event, streamer.TurnFinal):
            print(event.emotion, event.text)

Each name is imported at its first use: importing this package costs nothing (docs/python.md).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

import models as models  # before any library: see there

if TYPE_CHECKING:
    from streamer.api import analyze, load_models
    from streamer.audio.frame import (
        FRAME_SAMPLES,
        SAMPLE_RATE,
        AudioFrame,
        AudioGap,
        AudioItem,
        AudioSource,
        DeviceBack,
        DeviceLost,
    )
    from streamer.errors import InputError, RunError
    from streamer.events import (
        AudioDeviceBack,
        AudioDeviceLost,
        Event,
        Health,
        SessionEnded,
        SessionStarted,
        TurnFinal,
        TurnPartial,
        TurnRevised,
        TurnStarted,
        parse_event,
    )
    from streamer.outputs.base import Output
    from streamer.settings.settings import Settings, load_settings
    from streamer.transcribers.base import Listening, ListeningTranscriber, Transcriber, Transcript
    from streamer.turn_embedding.analyzer import Analyzer

_MODULES = (  # in order of what it costs to load them
    "errors",
    "events",
    "audio.frame",
    "settings.settings",
    "outputs.base",
    "transcribers.base",
    "turn_embedding.analyzer",
    "api",
)

__all__ = [  # noqa: RUF022 - in order of importance
    "analyze",
    "load_models",
    "Settings",
    "load_settings",
    "Analyzer",
    "InputError",
    "RunError",
    "AudioSource",
    "AudioFrame",
    "AudioGap",
    "AudioItem",
    "DeviceBack",
    "DeviceLost",
    "FRAME_SAMPLES",
    "SAMPLE_RATE",
    "Transcriber",
    "Transcript",
    "Listening",
    "ListeningTranscriber",
    "Output",
    "Event",
    "SessionStarted",
    "SessionEnded",
    "TurnStarted",
    "TurnPartial",
    "TurnFinal",
    "TurnRevised",
    "AudioDeviceLost",
    "AudioDeviceBack",
    "Health",
    "parse_event",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    modules = (import_module(f"{__name__}.{module}") for module in _MODULES)
    value = globals()[name] = getattr(next(module for module in modules if hasattr(module, name)), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
