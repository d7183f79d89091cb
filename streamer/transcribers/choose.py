"""From what `--asr` says to a recogniser."""

from collections.abc import Callable

from streamer.errors import InputError
from streamer.transcribers.base import Transcriber

DEFAULT_SIZE = "base.en"
CHOICES = "auto, faster-whisper, faster-whisper:SIZE, faster-whisper:FOLDER, pocketsphinx or none"


def load_transcriber(spec: str, notify: Callable[[str], None]) -> Transcriber:
    """Load a recogniser.

    Args:
        spec: "auto" (faster-whisper where its weights are cached or can be fetched, else pocketsphinx),
            "faster-whisper" with ":" and a size or a folder if need be, "pocketsphinx", or "none".
        notify: told in one line what the user did not ask for: that the embedded recogniser stands in, that
            weights are being fetched.

    Raises:
        InputError: no such recogniser, or its model is unknown or not to be had.
    """
    kind, colon, model = spec.partition(":")
    if kind == "faster-whisper" and (model or not colon):
        from streamer.transcribers.faster_whisper import FasterWhisper

        return FasterWhisper(model or DEFAULT_SIZE, notify=notify)
    if spec == "auto":
        return _best(notify)
    if spec == "pocketsphinx":
        from streamer.transcribers.pocketsphinx import PocketSphinx

        return PocketSphinx()
    if spec == "none":
        from streamer.transcribers.off import Off

        return Off()
    raise InputError(f"no recogniser is called {spec!r}: choose {CHOICES}")


def _best(notify: Callable[[str], None]) -> Transcriber:
    from streamer.transcribers.faster_whisper import FasterWhisper
    from streamer.transcribers.pocketsphinx import PocketSphinx

    try:
        return FasterWhisper(DEFAULT_SIZE, notify=notify)
    except InputError as error:
        notify(f"recognising with pocketsphinx, for want of better: {error}")
        return PocketSphinx()
