"""Prepared corpora: `utterances.jsonl`, an utterance per line, and `features.npz`, a row per utterance."""

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
    """Read all lines with their features.

    Args:
        corpus: name of the corpus, for errors.
        folder: folder of the two files.
        keys: required keys of a line, and their types.
        array: name of the feature array; several, joined with "+", are concatenated.

    Returns:
        The lines in order, each with features [F].

    Raises:
        CorpusError: a file is missing or broken, or the two do not match.
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
    parts = []
    try:
        with np.load(path) as arrays:
            named = arrays["id"].tolist() if "id" in arrays.files else ids
            for name in array.split("+"):
                if name not in arrays.files:
                    there = ", ".join(other for other in arrays.files if other != "id")
                    raise CorpusError(f"{corpus}: {path} has no features named {name!r}; it has {there}")
                parts.append(arrays[name].astype(np.float32))
    except FileNotFoundError as error:
        raise CorpusError(f"{corpus}: expected {path.name} in {path.parent}") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise CorpusError(f"{corpus}: {path} can't be read ({error})") from error
    if named != ids or any(part.ndim != 2 or len(part) != len(ids) for part in parts):
        raise CorpusError(f"{corpus}: row i of {array} in {path} should belong to line i of {UTTERANCES}")
    features: NDArray[np.float32] = np.hstack(parts)
    if not np.isfinite(features).all():
        raise CorpusError(f"{corpus}: {array} in {path} has values that are not finite")
    return features
