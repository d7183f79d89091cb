"""Finds a Whisper model in a folder, the hub's cache, or on the hub."""

import logging
import re
import sys
from pathlib import Path

from offline_train.errors import UsageError

NEEDED_FILES = ("model.bin", "config.json", "tokenizer.json")
"""Required files of a model; without tokenizer.json, faster-whisper would download it from the hub."""

_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


def find_model(model: str) -> Path:
    """Find a Whisper model in CTranslate2 format on this machine, or download it.

    Args:
        model: a folder, a size ("base.en", "large-v3"), or a name on the hub ("Systran/faster-whisper-tiny").

    Returns:
        A folder with all files needed to load it.

    Raises:
        UsageError: the model is unknown or invalid, or can't be downloaded.
    """
    folder = Path(model)
    if folder.is_dir():
        if missing := _missing_files(folder):
            raise UsageError(
                f"{model} is no Whisper model in CTranslate2 format ({missing} is missing): convert one with "
                "ct2-transformers-converter --copy_files tokenizer.json preprocessor_config.json"
            )
        return folder
    from faster_whisper import available_models

    if model not in available_models() and not _HUB_NAME.fullmatch(model):
        raise UsageError(
            f"no folder and no Whisper model is called {model!r}: give a folder in CTranslate2 format, a "
            f"name on the model hub, or one of {', '.join(available_models())}"
        )
    return _cached(model) or _fetch(model)


def _cached(model: str) -> Path | None:
    from faster_whisper import download_model
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = Path(download_model(model, local_files_only=True))
    except LocalEntryNotFoundError:
        return None
    return None if _missing_files(folder) else folder


def _fetch(model: str) -> Path:
    from faster_whisper import download_model

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    print(f"fetching the Whisper model {model} from the model hub, this once", file=sys.stderr)
    try:
        folder = Path(download_model(model))
    # The hub raises the errors of its HTTP library, which depends on the version.
    except Exception as error:
        raise UsageError(
            f"the Whisper model {model} is not here and could not be fetched ({_sentence(error)}): connect "
            "and run again, or give --model a folder with one in CTranslate2 format"
        ) from error
    if missing := _missing_files(folder):
        raise UsageError(f"{model} on the model hub is no Whisper model in CTranslate2 format: no {missing}")
    return folder


def _missing_files(folder: Path) -> str:
    return ", ".join(name for name in NEEDED_FILES if not (folder / name).is_file())


def _sentence(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
