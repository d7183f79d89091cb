"""Creates the recogniser that `--asr` names."""

from functools import partial

from streamer.errors import InputError
from streamer.transcribers.base import Transcriber

EMBEDDED_SIZE = "tiny.en"
MULTILINGUAL_SIZE = "base"
CHOICES = "auto, faster-whisper, faster-whisper:SIZE or :FOLDER, wyoming://HOST:PORT or none"


def load_transcriber(spec: str) -> Transcriber:
    """Load a recogniser.

    Args:
        spec: "auto" or "faster-whisper" (the embedded one), "faster-whisper:" and a size or a folder, "none",
            or the address of a Wyoming server (see `WyomingAddress`). The model hub is asked only for a size
            that is named and not on this machine.

    Raises:
        InputError: there is no such recogniser, or its model is unknown or not available.
    """
    kind, colon, model = spec.partition(":")
    if spec in ("auto", "faster-whisper"):
        return embedded()
    if kind == "faster-whisper" and model:
        from streamer.transcribers.whisper import Whisper

        return Whisper(model)
    if kind == "wyoming" and colon:
        return _remote(spec)
    if spec == "none":
        from streamer.transcribers.off import Off

        return Off()
    raise InputError(f"no recogniser is called {spec!r}: choose {CHOICES}")


def _remote(url: str) -> Transcriber:
    from streamer.transcribers.fallback import Fallback
    from streamer.transcribers.wyoming.address import WyomingAddress
    from streamer.transcribers.wyoming.transcriber import Wyoming

    address = WyomingAddress.parse(url)
    return Fallback(Wyoming(address), str(address), partial(embedded, address.language))


def embedded(language: str | None = None) -> Transcriber:
    """The recogniser that needs no download.

    Args:
        language: spoken language, BCP 47; None for English. If no model on this machine knows it, no words
            are recognised: those of another language would be wrong.
    """
    from models.whisper.find_model import cached_model
    from models.whisper.packaged_weights import packaged_model
    from streamer.transcribers.off import Off
    from streamer.transcribers.whisper import Whisper

    primary = (language or "en").replace("_", "-").partition("-")[0].lower()
    if primary == "en":
        return Whisper(EMBEDDED_SIZE)
    if packaged_model(MULTILINGUAL_SIZE) or cached_model(MULTILINGUAL_SIZE):
        return Whisper(MULTILINGUAL_SIZE, language=primary)
    return Off()
