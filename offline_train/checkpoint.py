"""Where a training run stands, on disk after every step: a kill at any moment loses the step in flight.

A database's way: a snapshot of everything from time to time, and a journal of what each step since then did.
A step is redone from its gradients, a quarter of everything (weights, their average, two moments).
A snapshot is written over the oldest of three; what is torn fails its digest, and the one before it holds.

The pages that a killed process wrote are the system's, so nothing need reach the disk at once. It is made to
at the end of an epoch, in a snapshot that is left alone until the next epoch's: a power cut loses an epoch.
"""

import os
import secrets
import shutil
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from io import BufferedRandom
from pathlib import Path
from types import TracebackType
from typing import Any

from filelock import FileLock, Timeout
from torch import Tensor

from offline_train.errors import RunError
from offline_train.tensor_records import Record, peek_meta, read_record, write_record

Tensors = Mapping[str, Tensor]

_SLOTS = 3
_JOURNALED = 8
"""Steps in the journal. More would save snapshots; four cost as much disk, and memory to write it, as one."""
_TIMED = 8
"""Steps whose quickest tells what keeping one costs: the first time, a file's pages are slow."""
_BROKEN = -1
"""Stands for the number of steps in a journal that lacks one, and so waits for the next snapshot."""


class Checkpoint:
    """The folder `checkpoint` of a run, held by one process at a time.

    Attributes:
        folder: where.
        share: how much of the time may go into the journal. Where keeping every step takes more (large
            models on a fast device), snapshots are taken with a quarter of it, and a kill loses what came
            after the last of them: the time of `4 / share` snapshots at most. 0 keeps epochs alone.
    """

    def __init__(self, folder: Path, share: float) -> None:
        """Take hold of the folder.

        Raises:
            RunError: another process has it.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.share = share
        self._lock = FileLock(folder / "lock")
        try:
            self._lock.acquire(blocking=False)
        except Timeout:
            raise RunError(f"another process is training in {folder.parent}; wait for it or end it") from None
        self._slots = [_open(folder / f"snapshot{k}") for k in range(_SLOTS)]
        self._metas = [peek_meta(slot) for slot in self._slots]
        self._journal = _open(folder / "journal")
        self._newest: int | None = None
        self._written = 0  # steps in the journal
        self._end = 0
        self._step_s: deque[float] = deque(maxlen=_TIMED)
        self._snapshot_s = 0.0
        self._snapshot_at = self._step_at = time.perf_counter()

    def __enter__(self) -> "Checkpoint":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in (*self._slots, self._journal):
            file.close()
        self._lock.release()

    def load(self) -> Record | None:
        """The newest whole snapshot; None to begin from the beginning."""
        known = [k for k, meta in enumerate(self._metas) if meta is not None]
        for slot in sorted(known, key=self._generation, reverse=True):
            record = read_record(self._slots[slot])
            if record is not None:
                self._newest = slot
                return record
            self._metas[slot] = None
        return None

    def journal(self) -> Iterator[Record]:
        """The steps taken since the snapshot that `load` returned, in order; others will follow them."""
        if self._newest is None:
            return
        snapshot = self._meta(self._newest)["snapshot"]
        while self._written < _JOURNALED:
            record = read_record(self._journal, self._end)
            if record is None or (record.meta["snapshot"], record.meta["number"]) != (
                snapshot,
                self._written,
            ):
                return
            self._written, self._end = self._written + 1, record.end
            yield record

    def snapshot(self, meta: Mapping[str, Any], tensors: Tensors, *, durable: bool = False) -> None:
        """Keep everything.

        Args:
            meta: plain values; "best" is the name of the best epoch's record, or None.
            tensors: by name.
            durable: have it reach the disk, and keep it until the next durable one.
        """
        began = time.perf_counter()
        slot = self._free_slot()
        generation = 1 + max((self._generation(k) for k in range(_SLOTS)), default=0)
        # The name ties the journal to it; the generation could come again after a snapshot was torn.
        full = {**meta, "snapshot": secrets.token_hex(8), "generation": generation, "durable": durable}
        self._metas[slot] = None
        write_record(self._slots[slot], full, tensors)
        if durable:
            os.fsync(self._slots[slot].fileno())
        self._metas[slot], self._newest = full, slot
        self._written, self._end = 0, 0
        self._snapshot_at = self._step_at = time.perf_counter()
        self._snapshot_s = self._snapshot_at - began
        self._forget_bests()

    def step(
        self,
        record: Callable[[], tuple[Mapping[str, Any], Tensors]],
        snapshot: Callable[[], None],
        *,
        must: bool = False,
    ) -> None:
        """Keep a step that was just taken, if that is not too dear.

        Args:
            record: what it takes to redo the step: plain values, and tensors by name.
            snapshot: calls `snapshot`.
            must: keep it in any case.
        """
        now = time.perf_counter()
        took = now - self._step_at
        spent = self._snapshot_s / (now - self._snapshot_at)
        if 0 <= self._written < _JOURNALED and self.share:
            meta, tensors = record()
            named = {**meta, "snapshot": self._meta(self._newest)["snapshot"], "number": self._written}
            self._end = write_record(self._journal, named, tensors, self._end)
            self._written += 1
            self._step_s.append(time.perf_counter() - now)
            if len(self._step_s) == _TIMED and min(self._step_s) > self.share * took:
                self._written = _BROKEN
        elif must or self._written == _JOURNALED or spent <= self.share / 4:
            snapshot()
        else:
            self._written = _BROKEN
        self._step_at = time.perf_counter()

    def write_best(self, name: str, tensors: Tensors) -> None:
        """Keep the best epoch's weights; they go when no snapshot names them any more."""
        partial = self.folder / "best.partial"
        with partial.open("wb") as file:
            write_record(file, {}, tensors)
            os.fsync(file.fileno())
        partial.replace(self.folder / name)

    def read_best(self, name: str) -> Tensors:
        """The best epoch's weights.

        Raises:
            RunError: they are damaged.
        """
        path = self.folder / name
        record = None
        if path.exists():
            with path.open("rb") as file:
                record = read_record(file)
        if record is None:
            raise RunError(f"{path} is damaged; remove {self.folder} to train again from the beginning")
        return record.tensors

    def _free_slot(self) -> int:
        durable = [k for k in range(_SLOTS) if self._metas[k] and self._meta(k).get("durable")]
        kept = {self._newest, max(durable, key=self._generation, default=None)}
        return min((k for k in range(_SLOTS) if k not in kept), key=self._generation)

    def _generation(self, slot: int) -> int:
        meta = self._metas[slot]
        return int(meta.get("generation", 0)) if meta else 0

    def _meta(self, slot: int | None) -> dict[str, Any]:
        meta = self._metas[slot] if slot is not None else None
        assert meta is not None, "the journal follows a snapshot"
        return meta

    def _forget_bests(self) -> None:
        named = {meta.get("best") for meta in self._metas if meta}
        for path in self.folder.glob("best-*"):
            if path.name not in named:
                path.unlink()


def remove_checkpoint(run: Path) -> None:
    """Remove what only an unfinished run needs."""
    shutil.rmtree(run / "checkpoint", ignore_errors=True)


def _open(path: Path) -> BufferedRandom:
    path.touch()
    return path.open("r+b")
