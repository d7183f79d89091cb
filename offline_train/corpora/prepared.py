"""Prepared corpora: `utterances.jsonl`, an utterance a line, and arrays of features, a row an utterance."""

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offline_train.corpora.errors import CorpusError
from offline_train.corpora.tables import read_json_lines

UTTERANCES = "utterances.jsonl"
FEATURES = "features.npz"
VOICE = "voice.npz"
"""More features, of the voice; not every corpus has it."""

_MEASURES = "prosody8"


def is_prepared(folder: Path) -> bool:
    """Whether `folder` holds a prepared corpus instead of its publisher's files."""
    return (folder / UTTERANCES).is_file()


def read_prepared(
    corpus: str, folder: Path, keys: Mapping[str, type | tuple[type, ...]], array: str
) -> list[tuple[dict[str, Any], NDArray[np.float32]]]:
    """Read all lines with their features.

    Args:
        corpus: name of the corpus, for errors.
        folder: folder of the files.
        keys: required keys of a line, and their types.
        array: name of the feature array; several, joined with "+", are concatenated. Undefined values of
            `prosody8` (NaN), such as the pitch of a whisper, become its mean.

    Returns:
        The lines in order, each with features [F].

    Raises:
        CorpusError: a file is missing or broken, or the two do not match.
    """
    lines = [row for _, row in read_json_lines(corpus, folder / UTTERANCES, keys)]
    features = _features(corpus, folder, array, [row["id"] for row in lines])
    return list(zip(lines, features, strict=True))


def _features(corpus: str, folder: Path, array: str, ids: list[str]) -> NDArray[np.float32]:
    arrays = _load(corpus, folder / FEATURES)
    if (folder / VOICE).is_file():
        arrays |= _load(corpus, folder / VOICE)
    named = arrays.pop("id", np.array(ids)).tolist()
    parts = []
    for name in array.split("+"):
        if name not in arrays:
            there = ", ".join(arrays)
            raise CorpusError(f"{corpus}: {folder} has no features named {name!r}; it has {there}")
        part = arrays[name].astype(np.float32)
        parts.append(np.where(np.isnan(part), np.nanmean(part, axis=0), part) if name == _MEASURES else part)
    if named != ids or any(part.ndim != 2 or len(part) != len(ids) for part in parts):
        raise CorpusError(f"{corpus}: row i of {array} in {folder} should belong to line i of {UTTERANCES}")
    features: NDArray[np.float32] = np.hstack(parts)
    if not np.isfinite(features).all():
        raise CorpusError(f"{corpus}: {array} in {folder} has values that are not finite")
    return features


def _load(corpus: str, path: Path) -> dict[str, NDArray[Any]]:
    try:
        with np.load(path) as arrays:
            return dict(arrays)
    except FileNotFoundError as error:
        raise CorpusError(f"{corpus}: expected {path.name} in {path.parent}") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise CorpusError(f"{corpus}: {path} can't be read ({error})") from error
