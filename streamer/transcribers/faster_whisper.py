"""Whisper by faster-whisper (CTranslate2): more accurate than pocketsphinx, but needs weights."""

import http.client
import logging
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from streamer.audio.frame import SAMPLE_RATE
from streamer.errors import InputError, RunError
from streamer.machine.cores import cores
from streamer.transcribers.base import Transcript
from streamer.transcribers.repetition import text_without_loops

_log = logging.getLogger("merits")

HUB_PATIENCE_S = 1.5
"""Time limit for an answer of the model hub, in seconds."""

NEEDED_FILES = ("model.bin", "config.json", "tokenizer.json")
"""Files that a folder must contain; without tokenizer.json, faster-whisper would contact the hub."""

NO_SPEECH = 0.6
LOWEST_LOG_PROBABILITY = -1.0
HIGHEST_COMPRESSION = 2.4
"""Whisper's own thresholds (Radford et al. 2022, section 4.5): on the probability of no speech, the mean
log-probability of the tokens, and the compression ratio of the text."""

DOUBTFUL_LOG_PROBABILITY = -0.5
"""Threshold for segments that the model considers no speech: hallucinated phrases score in between."""

TEMPERATURES = (0.0, 0.4)
"""Sampling temperatures: each is tried if the result of the one before fails the thresholds (ibid.)."""

SHORTEST_S = 0.2
"""Shortest sound that can contain a word."""

MOST_TOKENS_A_SECOND = 12
"""Upper bound of speaking rates, which also bounds the time of a repetition loop."""


class FasterWhisper:
    """Recognise with a Whisper model in CTranslate2 format.

    Args:
        model: a size ("base.en"), from the hub's cache or else downloaded; or a folder.
        device: "cpu", "cuda", or "auto" for CUDA if available.
        compute_type: CTranslate2's; by default "int8" on the CPU and "auto" on CUDA.
        cpu_threads: threads on the CPU; by default the number of cores, at most four.
        language: BCP 47 code, for a multilingual model; None detects it for each turn.

    Raises:
        InputError: the model is unknown, invalid, or neither cached nor downloadable.
    """

    def __init__(
        self,
        model: str = "base.en",
        *,
        device: str = "auto",
        compute_type: str | None = None,
        cpu_threads: int | None = None,
        language: str | None = None,
    ) -> None:
        import ctranslate2
        from faster_whisper import WhisperModel

        folder = find_model(model)
        if device == "auto":
            device = "cuda" if ctranslate2.get_cuda_device_count() > 0 else "cpu"
        try:
            self._model = WhisperModel(
                str(folder),
                device=device,
                compute_type=compute_type or ("int8" if device == "cpu" else "auto"),
                cpu_threads=cpu_threads or min(4, cores()),
            )
        # CTranslate2 and tokenizers raise RuntimeError, ValueError and bare Exception on damaged files.
        except Exception as error:
            raise InputError(f"the Whisper model {model} cannot be loaded: {_first_line(error)}") from error
        self._name = f"faster-whisper:{folder.resolve().name if Path(model).is_dir() else model}"
        self._language = language

    @property
    def name(self) -> str:
        """ "faster-whisper:" and the size or the folder's name."""
        return self._name

    def transcribe(self, audio: NDArray[np.int16]) -> Transcript:
        """Recognise one turn.

        The same turn gives the same words: the random sampling after a failed search is seeded.

        Returns:
            The words with case and punctuation, and the language; an empty text if the model's own
            confidence is too low.
        """
        return self._recognise(audio, TEMPERATURES)

    def interim(self, audio: NDArray[np.int16]) -> Transcript:
        """Recognise a turn so far, int16 [n] (see `InterimTranscriber`), without sampling."""
        return self._recognise(audio, TEMPERATURES[:1])

    def _recognise(self, audio: NDArray[np.int16], temperatures: Sequence[float]) -> Transcript:
        import ctranslate2

        seconds = len(audio) / SAMPLE_RATE
        if seconds < SHORTEST_S or not audio.any():
            return Transcript("")
        ctranslate2.set_random_seed(0)
        try:
            lazy_segments, info = self._model.transcribe(
                audio.astype(np.float32) / 32768,
                language=self._language,
                temperature=temperatures,
                condition_on_previous_text=False,
                no_speech_threshold=NO_SPEECH,
                log_prob_threshold=LOWEST_LOG_PROBABILITY,
                compression_ratio_threshold=HIGHEST_COMPRESSION,
                # CTranslate2 generates half as many tokens, to leave room for a prompt.
                max_new_tokens=min(440, 2 * (16 + round(MOST_TOKENS_A_SECOND * seconds))),
            )
            segments = list(lazy_segments)
        except RuntimeError as error:
            raise RunError(f"{self.name} failed: {_first_line(error)}") from error
        believed = [
            segment.text
            for segment in segments
            if segment.avg_logprob >= LOWEST_LOG_PROBABILITY
            and segment.compression_ratio <= HIGHEST_COMPRESSION
            and (segment.no_speech_prob <= NO_SPEECH or segment.avg_logprob >= DOUBTFUL_LOG_PROBABILITY)
        ]
        return Transcript(text_without_loops(" ".join(believed)), info.language)


def find_model(model: str) -> Path:
    """The folder of a model on this machine; downloads the model if necessary.

    Raises:
        InputError: the model is unknown, invalid, or neither cached nor downloadable.
    """
    folder = Path(model)
    if folder.is_dir():
        if missing := _missing_files(folder):
            raise InputError(
                f"{model} is no Whisper model in CTranslate2 format ({missing} is missing): convert one with "
                "ct2-transformers-converter --copy_files tokenizer.json preprocessor_config.json"
            )
        return folder
    from faster_whisper import available_models

    if model not in available_models():
        raise InputError(
            f"no folder and no Whisper model is called {model!r}: give a folder in CTranslate2 format, or "
            + ", ".join(available_models())
        )
    return cached_model(model) or _fetch(model)


def cached_model(size: str) -> Path | None:
    """The folder of a size in the hub's cache, None if it is incomplete. Never uses the network."""
    from faster_whisper import download_model
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = Path(download_model(size, local_files_only=True))
    except LocalEntryNotFoundError:
        return None
    return None if _missing_files(folder) else folder


def _fetch(size: str) -> Path:
    from faster_whisper import download_model
    from huggingface_hub.utils.tqdm import disable_progress_bars

    if not hub_answers():
        raise InputError(
            f"the weights of faster-whisper:{size} are not here and the model hub does not answer: "
            "connect and run again, or give a folder that has them (--asr faster-whisper:FOLDER)"
        )
    _log.warning("fetching the weights of faster-whisper:%s from the model hub, this once", size)
    disable_progress_bars()
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    try:
        return Path(download_model(size))
    # Errors of the hub's HTTP library, which differs between versions, are not wrapped.
    except Exception as error:
        raise InputError(
            f"the weights of faster-whisper:{size} could not be fetched ({_first_line(error)}): "
            "run again later, or give a folder that has them (--asr faster-whisper:FOLDER)"
        ) from error


def hub_answers() -> bool:
    """Whether the model hub answers within `HUB_PATIENCE_S`; False at once if HF_HUB_OFFLINE is set."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    answered = threading.Event()

    def knock() -> None:
        request = urllib.request.Request(constants.ENDPOINT, method="HEAD")
        try:
            with urllib.request.urlopen(request, timeout=HUB_PATIENCE_S):
                answered.set()
        except urllib.error.HTTPError:
            answered.set()
        except (OSError, http.client.HTTPException) as error:
            if isinstance(getattr(error, "reason", None), ssl.SSLError):
                answered.set()  # It answers; the hub's own client has its own certificates.

    # Name resolution has no time limit, hence a thread that may be abandoned.
    knocking = threading.Thread(target=knock, name="model-hub-probe", daemon=True)
    knocking.start()
    knocking.join(HUB_PATIENCE_S)
    return answered.is_set()


def _missing_files(folder: Path) -> str:
    return ", ".join(name for name in NEEDED_FILES if not (folder / name).is_file())


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
