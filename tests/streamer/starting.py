"""An analyzer whose models come when a test says so."""

import threading
from pathlib import Path

from models.bundle import Bundle, load_bundle
from streamer.errors import InputError
from streamer.transcribers.base import Transcriber
from streamer.transcribers.off import Off
from streamer.turn_embedding.loading import LoadingAnalyzer


class HeldUp:
    """Loads a bundle; no sooner than it is let go on, or with an error."""

    def __init__(self, bundle: Path, transcriber: Transcriber | None = None) -> None:
        self._bundle, self._transcriber = bundle, transcriber or Off()
        self._goes_on = threading.Event()
        self._error: Exception | None = None
        self.analyzer = LoadingAnalyzer(self._load)

    def go_on(self) -> None:
        self._goes_on.set()

    def fail(self) -> None:
        self._error = InputError("no bundle 'lost': give a folder")
        self._goes_on.set()

    def _load(self) -> tuple[Bundle, Transcriber]:
        assert self._goes_on.wait(60)
        if self._error is not None:
            raise self._error
        return load_bundle(self._bundle), self._transcriber
