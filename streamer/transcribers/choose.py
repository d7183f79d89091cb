"""Creates the recogniser that `--asr` names."""

import logging
from functools import partial

from streamer.errors import InputError
from streamer.settings.language import AUTO, primary
from streamer.transcribers.base import MultilingualTranscriber, Transcriber, UnknownLanguage

EMBEDDED_SIZE = "tiny.en"
MULTILINGUAL_SIZE = "base"
CHOICES = "auto, faster-whisper, faster-whisper:SIZE or :FOLDER, wyoming://HOST:PORT or none"

_FORMER = "pocketsphinx"
"""What was embedded in version 0.1: settings and scripts that name it go on."""

_log = logging.getLogger(__name__)


def load_transcriber(spec: str, language: str | None = None, *, translate: bool = False) -> Transcriber:
    """Load a recogniser.

    Args:
        spec: "auto" or "faster-whisper" (the embedded one), "faster-whisper:" and a size or a folder, "none",
            or the address of a Wyoming server (see `WyomingAddress`). The model hub is asked only for a size
            that is named and not on this machine.
        language: what is spoken, BCP 47; "auto" where it is to be detected, which an English-only model that
            `spec` names does not do; None for English, or as a model that `spec` names has it.
        translate: whether English translations are wanted.

    Raises:
        InputError: there is no such recogniser, its model is unknown or not available, or it does not
            recognise the language.
    """
    if spec == _FORMER:
        _log.warning("%s is no longer embedded: faster-whisper:%s takes its place", _FORMER, EMBEDDED_SIZE)
        spec = "auto"
    kind, colon, model = spec.partition(":")
    transcriber: Transcriber
    if spec in ("auto", "faster-whisper"):
        transcriber = _embedded_for(language or (AUTO if translate else "en"))
    elif kind == "faster-whisper" and model:
        from streamer.transcribers.whisper import Whisper

        transcriber = Whisper(model)
    elif kind == "wyoming" and colon:
        transcriber = _remote(spec, None if language == AUTO else language)
    elif spec == "none":
        from streamer.transcribers.off import Off

        transcriber = Off()
    else:
        raise InputError(f"no recogniser is called {spec!r}: choose {CHOICES}")
    check_language(transcriber, language)
    return transcriber


def check_language(transcriber: Transcriber, language: str | None) -> None:
    """See that a recogniser recognises a language, BCP 47, as far as that is known; it does None and "auto".

    Raises:
        UnknownLanguage: it does not.
    """
    known = transcriber.languages if isinstance(transcriber, MultilingualTranscriber) else None
    if language in (None, AUTO) or known is None or primary(language) in known:
        return
    only = ", ".join(sorted(known))
    hint = "; a multilingual model does, such as faster-whisper:base" if only == "en" else ""
    raise UnknownLanguage(f"{transcriber.name} recognises {only} only, not {language!r}{hint}")


def _remote(url: str, language: str | None) -> Transcriber:
    from streamer.transcribers.fallback import Fallback
    from streamer.transcribers.wyoming.address import WyomingAddress
    from streamer.transcribers.wyoming.transcriber import Wyoming

    address = WyomingAddress.parse(url)
    if language is not None:
        address = address.model_copy(update={"language": language})
    return Fallback(Wyoming(address), str(address), partial(embedded, address.language))


def _embedded_for(language: str) -> Transcriber:
    """The embedded recogniser of a language, or of any ("auto").

    Raises:
        InputError: Whisper does not know the language, or no model on this machine does.
    """
    from models.whisper.languages import LANGUAGES
    from streamer.transcribers.whisper import Whisper

    if language != AUTO and primary(language) not in LANGUAGES:
        raise InputError(
            f"Whisper knows no language {language!r}: choose one of {', '.join(sorted(LANGUAGES))}"
        )
    if primary(language) == "en":
        return Whisper(EMBEDDED_SIZE)
    if not _is_here(MULTILINGUAL_SIZE):
        raise InputError(
            "no model for other languages than English is on this machine: "
            "pip install 'merits-live[multilingual]', or name one, such as --asr faster-whisper:small"
        )
    return Whisper(MULTILINGUAL_SIZE)


def embedded(language: str | None = None) -> Transcriber:
    """The recogniser that needs no download.

    Args:
        language: spoken language, BCP 47; None for English. If no model on this machine knows it, no words
            are recognised: those of another language would be wrong.
    """
    from streamer.transcribers.off import Off
    from streamer.transcribers.whisper import Whisper

    if primary(language or "en") == "en":
        return Whisper(EMBEDDED_SIZE)
    if _is_here(MULTILINGUAL_SIZE):
        return Whisper(MULTILINGUAL_SIZE, language=language)
    return Off()


def _is_here(size: str) -> bool:
    from models.whisper.find_model import cached_model
    from models.whisper.packaged_weights import is_packaged

    return is_packaged(size) or cached_model(size) is not None
