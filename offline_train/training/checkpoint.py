"""The checkpoint of a training run: one file, replaced regularly. A kill loses the progress since then."""

import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from zipfile import BadZipFile, ZipFile

import torch
from filelock import FileLock, Timeout

from models.atomic_write import replacing
from offline_train.errors import RunFolderError, TrainingError

EVERY_S = 120.0
"""Minimum time between two checkpoints within an epoch, in seconds."""


class Checkpoint:
    """The folder `checkpoint` of a run, locked by one process at a time."""

    def __init__(self, folder: Path, share: float) -> None:
        """Lock the folder.

        Args:
            folder: the folder; created.
            share: largest share of the time that writing may take within an epoch; 0 for no such writing.

        Raises:
            RunFolderError: another process has locked it, or an earlier version started the run.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._path = folder / "state.pt"
        self._share = share
        if (folder / "journal").exists():
            raise RunFolderError(
                f"{folder.parent} was begun by an earlier version: finish it with that one, or remove"
                f" {folder} to train again from the beginning"
            )
        self._lock = FileLock(folder / "lock")
        try:
            self._lock.acquire(blocking=False)
        except Timeout:
            raise RunFolderError(
                f"another process is training in {folder.parent}; wait for it or end it"
            ) from None
        self._written_at, self._took_s = time.monotonic(), 0.0

    def __enter__(self) -> "Checkpoint":
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    @property
    def due(self) -> bool:
        """Whether to write now, assuming that it takes as long as the last time."""
        since = time.monotonic() - self._written_at
        return since >= EVERY_S and self._took_s < self._share * (since + self._took_s)

    def read(self) -> dict[str, Any] | None:
        """The last checkpoint, with tensors on the CPU; None if there is none.

        Raises:
            RunFolderError: it is damaged.
        """
        if not self._path.exists():
            return None
        try:
            with ZipFile(self._path) as archive:
                whole = archive.testzip() is None  # torch itself does not verify the checksums
            content = torch.load(self._path, map_location="cpu", weights_only=True) if whole else None
        except (BadZipFile, UnpicklingError, EOFError, RuntimeError, ValueError):
            content = None
        if not isinstance(content, dict):
            raise RunFolderError(
                f"{self._path} is damaged; remove {self.folder} to train again from the beginning"
            )
        return content

    def write(self, content: Mapping[str, Any]) -> None:
        """Write the state needed to resume: tensors, plain values, and tuples, lists and dicts of them.

        Raises:
            TrainingError: it can't be written.
        """
        began = time.monotonic()
        try:
            with replacing(self._path, durable=True) as partial, partial.open("wb") as file:
                torch.save(dict(content), file)
        except (OSError, RuntimeError) as error:
            reason = error if isinstance(error, OSError) else error.__context__
            if not isinstance(reason, OSError):
                raise
            raise TrainingError(
                f"cannot write {self._path}: {reason.strerror}; make room, then run the same line again"
            ) from error
        self._written_at = time.monotonic()
        self._took_s = self._written_at - began


def remove_checkpoint(run: Path) -> None:
    """Remove the checkpoint of a finished run."""
    shutil.rmtree(run / "checkpoint", ignore_errors=True)
