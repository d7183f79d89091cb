"""Corpora prepared for measuring: `utterances.jsonl`, one a line, and `features.npz`, a row a line."""

import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offline_train.corpora.errors import CorpusError
from offline_train.corpora.tables import read_lines

UTTERANCES = "utterances.jsonl"
FEATURES = "features.npz"


def is_prepared(folder: Path) -> bool:
    """Whether `folder` holds a prepared corpus instead of its publisher's files."""
    return (folder / UTTERANCES).is_file()


def read_prepared(
    corpus: str, folder: Path, keys: Mapping[str, type | tuple[type, ...]], array: str
) -> list[tuple[dict[str, Any], NDArray[np.float32]]]:
    """Every line with its features.

    Args:
        corpus: named in errors.
        folder: where the two files are.
        keys: what a line must have at least, and of which types.
        array: which of the feature arrays.

    Returns:
        The lines in order, each with features [F].

    Raises:
        CorpusError: a file is missing or broken, or the two don't belong together.
    """
    path = folder / UTTERANCES
    lines = []
    for line, text in read_lines(corpus, path):
        try:
            row = json.loads(text)
        except ValueError as error:
            raise CorpusError(f"{corpus}: {path} line {line} is no JSON ({error})") from error
        for key, kind in keys.items():
            if not isinstance(row, dict) or not isinstance(row.get(key), kind):
                raise CorpusError(f"{corpus}: {path} line {line}: {key!r} is missing or of a wrong type")
        lines.append(row)
    features = _features(corpus, folder / FEATURES, array, [row["id"] for row in lines])
    return list(zip(lines, features, strict=True))


def _features(corpus: str, path: Path, array: str, ids: list[str]) -> NDArray[np.float32]:
    try:
        with np.load(path) as arrays:
            if array not in arrays.files:
                there = ", ".join(name for name in arrays.files if name != "id")
                raise CorpusError(f"{corpus}: {path} has no features named {array!r}; it has {there}")
            features: NDArray[np.float32] = arrays[array].astype(np.float32)
            named = arrays["id"].tolist() if "id" in arrays.files else ids
    except FileNotFoundError as error:
        raise CorpusError(f"{corpus}: expected {path.name} in {path.parent}") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise CorpusError(f"{corpus}: {path} can't be read ({error})") from error
    if named != ids or features.ndim != 2 or len(features) != len(ids):
        raise CorpusError(f"{corpus}: row i of {array} in {path} should belong to line i of {UTTERANCES}")
    if not np.isfinite(features).all():
        raise CorpusError(f"{corpus}: {array} in {path} has values that are not finite")
    return features
