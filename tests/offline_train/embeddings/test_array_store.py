"""Arrays on disk: what a kill cut off is made again, what is whole is not."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from offline_train.corpora.errors import CorpusError
from offline_train.embeddings.array_store import ArrayStore


def make(size: int) -> list[NDArray[np.float16]]:
    return [np.full((size, 3), size, np.float16), np.arange(size, dtype=np.float16)]


def test_keeps_what_it_made(tmp_path: Path) -> None:
    items = {f"key{size}": size for size in (3, 0, 7, 200)}
    store = ArrayStore(tmp_path / "store")
    assert store.fill(items, make, "making", threads=2) == {}
    for reader in (store, ArrayStore(tmp_path / "store")):
        reader.fill(items, lambda size: pytest.fail(f"{size} was made again"), "making")
        for key, size in items.items():
            rows, numbers = reader[key]
            assert rows.dtype == np.float16
            np.testing.assert_array_equal(rows, np.full((size, 3), size))
            np.testing.assert_array_equal(numbers, np.arange(size))


@pytest.mark.parametrize("torn", [b'{"key": "key9", "arr', b"\0" * 10, b""])
def test_what_a_kill_cut_off_is_made_again(tmp_path: Path, torn: bytes) -> None:
    store = ArrayStore(tmp_path)
    store.fill({"a": 5, "b": 6}, make, "making")
    whole = (tmp_path / "arrays.bin").stat().st_size
    with (tmp_path / "arrays.bin").open("ab") as data, (tmp_path / "arrays.jsonl").open("ab") as index:
        data.write(b"half an array")
        index.write(torn)
    again = ArrayStore(tmp_path)
    made: list[int] = []

    def counted(size: int) -> list[NDArray[np.float16]]:
        made.append(size)
        return make(size)

    again.fill({"a": 5, "b": 6, "key9": 9}, counted, "making")
    assert made == [9]
    np.testing.assert_array_equal(again["b"][1], np.arange(6))
    np.testing.assert_array_equal(again["key9"][1], np.arange(9))
    assert (tmp_path / "arrays.bin").stat().st_size > whole


def test_what_cannot_be_made_is_told_and_tried_again(tmp_path: Path) -> None:
    def picky(size: int) -> list[NDArray[np.float16]]:
        if size == 5:
            raise CorpusError("five is right out")
        return make(size)

    store = ArrayStore(tmp_path)
    failed = store.fill({"a": 4, "b": 5}, picky, "making")
    assert [str(error) for error in failed.values()] == ["five is right out"]
    assert list(failed) == ["b"]
    assert store.fill({"a": 4, "b": 5}, make, "making") == {}
    assert len(store["b"][1]) == 5


def test_an_interruption_keeps_what_is_done(tmp_path: Path) -> None:
    def interrupted(size: int) -> list[NDArray[np.float16]]:
        if size == 8:
            raise KeyboardInterrupt
        return make(size)

    with pytest.raises(KeyboardInterrupt):
        ArrayStore(tmp_path).fill({"a": 1, "b": 8, "c": 3}, interrupted, "making", threads=1)
    made: list[int] = []

    def counted(size: int) -> list[NDArray[np.float16]]:
        made.append(size)
        return make(size)

    ArrayStore(tmp_path).fill({"a": 1, "b": 8, "c": 3}, counted, "making")
    assert 1 not in made
    assert 8 in made
