"""Where a Whisper model lies: a folder, a package, the model hub's cache, or else the hub itself."""

import http.client
import logging
import re
import ssl
import threading
import urllib.error
import urllib.request
from pathlib import Path

from models.errors import WhisperModelError
from models.whisper.packaged_weights import packaged_model

_log = logging.getLogger("merits")

HUB_PATIENCE_S = 1.5
"""Time limit for an answer of the model hub, in seconds."""

NEEDED_FILES = ("model.bin", "config.json", "tokenizer.json")
"""Files that a folder must contain; without tokenizer.json, faster-whisper would contact the hub."""

_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


def find_model(model: str) -> Path:
    """The folder of a model in CTranslate2 format on this machine; downloads the model if necessary.

    Args:
        model: a folder, a size ("base.en", "large-v3"), or a name on the hub ("Systran/faster-whisper-tiny").

    Raises:
        WhisperModelError: the model is unknown, invalid, or neither here nor downloadable.
    """
    folder = Path(model)
    if folder.is_dir():
        if missing := _missing_files(folder):
            raise WhisperModelError(
                f"{model} is no Whisper model in CTranslate2 format ({missing} is missing): convert one with "
                "ct2-transformers-converter --copy_files tokenizer.json preprocessor_config.json"
            )
        return folder
    from faster_whisper import available_models

    if model not in available_models() and not _HUB_NAME.fullmatch(model):
        raise WhisperModelError(
            f"no folder and no Whisper model is called {model!r}: give a folder in CTranslate2 format, a "
            f"name on the model hub, or one of {', '.join(available_models())}"
        )
    return packaged_model(model) or cached_model(model) or _fetch(model)


def cached_model(model: str) -> Path | None:
    """The folder of a model in the hub's cache, None if it is incomplete. Never uses the network."""
    from faster_whisper import download_model
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = Path(download_model(model, local_files_only=True))
    except LocalEntryNotFoundError:
        return None
    return None if _missing_files(folder) else folder


def _fetch(model: str) -> Path:
    from faster_whisper import download_model
    from huggingface_hub.utils.tqdm import disable_progress_bars

    if not hub_answers():
        raise WhisperModelError(
            f"the weights of the Whisper model {model} are not here and the model hub does not answer: "
            "connect and run again, or give a folder that has them"
        )
    _log.warning("fetching the weights of the Whisper model %s from the model hub, this once", model)
    disable_progress_bars()
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    try:
        folder = Path(download_model(model))
    # Errors of the hub's HTTP library, which differs between versions, are not wrapped.
    except Exception as error:
        raise WhisperModelError(
            f"the weights of the Whisper model {model} could not be fetched ({first_line(error)}): "
            "run again later, or give a folder that has them"
        ) from error
    if missing := _missing_files(folder):
        raise WhisperModelError(
            f"{model} on the model hub is no Whisper model in CTranslate2 format: {missing} is missing"
        )
    return folder


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


def first_line(error: Exception) -> str:
    """What an error of a library says, its first line."""
    return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
