"""Creates the recogniser that `--asr` names."""

import logging
from functools import partial

from streamer.errors import InputError
from streamer.transcribers.base import Transcriber

DEFAULT_SIZE = "base.en"
MULTILINGUAL_SIZE = "base"
CHOICES = "auto, faster-whisper, faster-whisper:SIZE or :FOLDER, pocketsphinx, wyoming://HOST:PORT or none"


def load_transcriber(spec: str) -> Transcriber:
    """Load a recogniser.

    Logs what the user did not ask for: that the embedded recogniser is used instead, now or later, or that
    weights are downloaded.

    Args:
        spec: "auto" (faster-whisper if its weights are on this machine, otherwise pocketsphinx),
            "faster-whisper", optionally with ":" and a size or a folder, "pocketsphinx", "none", or the
            address of a Wyoming server (see `WyomingAddress`).

    Raises:
        InputError: there is no such recogniser, or its model is unknown or not available.
    """
    kind, colon, model = spec.partition(":")
    if kind == "faster-whisper" and (model or not colon):
        from streamer.transcribers.faster_whisper import FasterWhisper

        return FasterWhisper(model or DEFAULT_SIZE)
    if kind == "wyoming":
        return _remote(spec)
    if spec == "auto":
        return _best()
    if spec == "pocketsphinx":
        from streamer.transcribers.pocketsphinx.transcriber import PocketSphinx

        return PocketSphinx()
    if spec == "none":
        from streamer.transcribers.off import Off

        return Off()
    raise InputError(f"no recogniser is called {spec!r}: choose {CHOICES}")


def _best() -> Transcriber:
    """The best recogniser on this machine; only an explicit model name contacts the model hub."""
    best = embedded()
    if best.name == "pocketsphinx":
        logging.getLogger("merits").warning(
            "recognising with pocketsphinx, for want of better: the weights of faster-whisper:%s "
            "are not here; --asr faster-whisper fetches them, --asr pocketsphinx is content",
            DEFAULT_SIZE,
        )
    return best


def _remote(url: str) -> Transcriber:
    from streamer.transcribers.fallback import Fallback
    from streamer.transcribers.wyoming.address import WyomingAddress
    from streamer.transcribers.wyoming.transcriber import Wyoming

    address = WyomingAddress.parse(url)
    return Fallback(Wyoming(address), str(address), partial(embedded, address.language))


def embedded(language: str | None = None) -> Transcriber:
    """The best recogniser that needs no download.

    Args:
        language: spoken language, BCP 47; None for English. If no local recogniser supports it, no words are
            recognised: those of another language would be wrong.
    """
    from huggingface_hub import try_to_load_from_cache

    from streamer.transcribers.off import Off
    from streamer.transcribers.pocketsphinx.transcriber import PocketSphinx

    primary = (language or "en").replace("_", "-").partition("-")[0].lower()
    english = primary == "en"
    size = DEFAULT_SIZE if english else MULTILINGUAL_SIZE
    # A session waits for this: faster-whisper, whose import takes seconds, is imported only if usable.
    if isinstance(try_to_load_from_cache(f"Systran/faster-whisper-{size}", "model.bin"), str):
        from streamer.transcribers.faster_whisper import FasterWhisper

        try:
            return FasterWhisper(size, language=primary)
        except InputError as error:  # damaged weights
            logging.getLogger(__name__).warning("%s", error)
    return PocketSphinx() if english else Off()
