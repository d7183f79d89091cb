"""A store on disk for arrays that are expensive to compute, memory-mapped for reading."""

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from filelock import FileLock
from numpy.typing import NDArray

from offline_train.corpora.errors import CorpusError
from offline_train.files import mend_lines
from offline_train.progress_bar import progress_bar

Arrays = Sequence[NDArray[Any]]
Item = TypeVar("Item")

_ALIGNED = 64
_QUEUED = 4
"""Items in progress per thread, which a kill may lose."""


class ArrayStore:
    """Lists of arrays by key, in a folder: their bytes in `arrays.bin`, their positions in `arrays.jsonl`.

    Arrays are only appended, and incomplete ones after a kill are removed: an array with a line is complete.
    """

    def __init__(self, folder: Path) -> None:
        """Open the store, which need not exist."""
        self.folder = folder
        self._data, self._index = folder / "arrays.bin", folder / "arrays.jsonl"
        self._rows: dict[str, list[tuple[int, str, list[int]]]] = {}
        self._map: NDArray[np.uint8] | None = None

    def fill(
        self,
        items: Mapping[str, Item],
        make: Callable[[Item], Arrays],
        label: str,
        threads: int | None = None,
    ) -> dict[str, CorpusError]:
        """Compute missing arrays, after any other process that fills the store.

        Args:
            items: items by key.
            make: computes the arrays of an item; called from several threads.
            label: label of the progress bar.
            threads: number of threads; by default as many as torch uses.

        Returns:
            Exceptions raised by `make`, by key.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        failed: dict[str, CorpusError] = {}
        threads = threads or torch.get_num_threads()
        pool = ThreadPoolExecutor(threads)
        with FileLock(self.folder / "lock"):
            self._read_index()
            missing = [(key, item) for key, item in items.items() if key not in self._rows]
            try:
                with (
                    progress_bar() as bar,
                    self._data.open("ab") as data,
                    self._index.open("a", encoding="utf-8") as index,
                ):
                    task = bar.add_task(label, total=len(missing), visible=bool(missing))
                    waiting = iter(missing)
                    while batch := list(islice(waiting, _QUEUED * threads)):
                        futures = [(key, pool.submit(make, item)) for key, item in batch]
                        for key, future in futures:
                            try:
                                arrays = future.result()
                            except CorpusError as error:
                                failed[key] = error
                            else:
                                rows = [_append(data, array) for array in arrays]
                                data.flush()  # before the line that marks it as complete
                                index.write(json.dumps({"key": key, "arrays": rows}) + "\n")
                                index.flush()
                                self._rows[key] = rows
                            bar.advance(task)
            finally:
                pool.shutdown(cancel_futures=True)
        if self._data.stat().st_size:
            self._map = np.memmap(self._data, np.uint8, mode="r")
        return failed

    def __getitem__(self, key: str) -> list[NDArray[Any]]:
        """The arrays of an item, memory-mapped and read-only."""
        found = []
        for offset, kind, shape in self._rows[key]:
            dtype = np.dtype(kind)
            size = int(np.prod(shape)) * dtype.itemsize
            part = self._map[offset : offset + size] if self._map is not None else np.empty(0, np.uint8)
            found.append(part.view(dtype).reshape(shape))
        return found

    def _read_index(self) -> None:
        mend_lines(self._index)
        end = 0
        if self._index.exists():
            with self._index.open(encoding="utf-8") as file:
                for line in file:
                    row = json.loads(line)
                    self._rows[row["key"]] = row["arrays"]
                    for offset, kind, shape in row["arrays"]:
                        end = max(end, offset + int(np.prod(shape)) * np.dtype(kind).itemsize)
        if self._data.exists():
            with self._data.open("r+b") as file:
                file.truncate(end)


def _append(data: Any, array: NDArray[Any]) -> tuple[int, str, list[int]]:
    data.write(bytes(-data.tell() % _ALIGNED))
    offset = data.tell()
    data.write(np.ascontiguousarray(array).tobytes())
    return offset, array.dtype.str, list(array.shape)
