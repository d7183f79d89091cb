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
    from streamer.analysis.analyzer import Analyzer
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

_WHERE = {
    "streamer.analysis.analyzer": ("Analyzer",),
    "streamer.audio.frame": (
        "FRAME_SAMPLES",
        "SAMPLE_RATE",
        "AudioFrame",
        "AudioGap",
        "AudioItem",
        "AudioSource",
        "DeviceBack",
        "DeviceLost",
    ),
    "streamer.settings.settings": ("Settings", "load_settings"),
    "streamer.errors": ("InputError", "RunError"),
    "streamer.events": (
        "AudioDeviceBack",
        "AudioDeviceLost",
        "Event",
        "Health",
        "SessionEnded",
        "SessionStarted",
        "TurnFinal",
        "TurnPartial",
        "TurnRevised",
        "TurnStarted",
        "parse_event",
    ),
    "streamer.api": ("analyze", "load_models"),
    "streamer.outputs.base": ("Output",),
    "streamer.transcribers.base": ("Listening", "ListeningTranscriber", "Transcriber", "Transcript"),
}
_MODULE_OF = {name: module for module, names in _WHERE.items() for name in names}

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
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_MODULE_OF[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
