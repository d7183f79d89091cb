"""Caches arrays computed from the sound of utterances, by the sound's content."""

import hashlib
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from offline_train.corpora.audio import load_audio, trim
from offline_train.corpora.corpus import Conversation, Recording
from offline_train.corpora.errors import CorpusError
from offline_train.embeddings.array_store import Arrays, ArrayStore
from offline_train.files import plain
from offline_train.progress_bar import progress_bar

Make = Callable[[NDArray[np.int16], np.random.Generator], Arrays]
"""Computes arrays from samples [n] at 16 kHz, trimmed of silence, with a generator seeded by them."""


class Hearing(NamedTuple):
    """A recording, and what is computed from it.

    Attributes:
        recording: of an utterance; None for one without.
        make: see `Make`.
        treatment: settings that `make` depends on, serialisable as JSON; after a change, it is called again.
    """

    recording: Recording | None
    make: Make
    treatment: object


def recordings_of(conversations: Sequence[Conversation]) -> list[Recording | None]:
    """The recording of every utterance, in order."""
    return [utterance.recording for conversation in conversations for utterance in conversation.utterances]


def heard(
    recordings: Sequence[Recording | None],
    make: Make,
    treatment: object,
    folder: Path,
    label: str,
    threads: int | None = None,
) -> list[list[NDArray[Any]] | None]:
    """The arrays of every recording, all computed in one way; see `heard_each`."""
    return heard_each([Hearing(each, make, treatment) for each in recordings], folder, label, threads)


def heard_each(
    hearings: Sequence[Hearing], folder: Path, label: str, threads: int | None = None
) -> list[list[NDArray[Any]] | None]:
    """The arrays of every recording, computed and cached in `folder`.

    Recordings that can't be decoded are reported on standard error and skipped.

    Args:
        hearings: recordings, and what is computed from each.
        folder: folder of the cache.
        label: label of the progress bar.
        threads: number of threads; by default as many as torch uses.

    Returns:
        Memory-mapped arrays of each recording; None where there are none.

    Raises:
        CorpusError: there are recordings, but none of them can be used.
    """
    digests: dict[Path, str] = {}
    keys: list[str | None] = []
    items: dict[str, tuple[Recording, Make]] = {}
    failed: list[CorpusError] = []
    with progress_bar() as bar:
        for recording, make, treatment in bar.track(hearings, description="reading recordings"):
            keys.append(None)
            if recording is None:
                continue
            try:
                recipe = json.dumps(treatment, default=plain, sort_keys=True)
                key = keys[-1] = _key(recording, recipe, digests)
            except CorpusError as error:
                failed.append(error)
            else:
                items[key] = recording, make
    store = ArrayStore(folder)

    def compute(item: tuple[str, tuple[Recording, Make]]) -> Arrays:
        key, (recording, make) = item
        return make(trim(load_audio(recording)), np.random.default_rng(int(key, 16)))

    errors = store.fill({key: (key, items[key]) for key in items}, compute, label, threads)
    _say_left_out([*failed, *errors.values()], sum(each.recording is not None for each in hearings))
    return [store[key] if key is not None and key not in errors else None for key in keys]


def _key(recording: Recording, recipe: str, digests: dict[Path, str]) -> str:
    """Key of a part of a recording with certain settings; it depends on the file's content, not its path."""
    digest = digests.get(recording.path)
    if digest is None:
        try:
            with recording.path.open("rb") as file:
                digest = digests[recording.path] = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise CorpusError(f"cannot read {recording.path}: {error.strerror}") from error
    parts = (digest, str(recording.start_s), str(recording.end_s), recipe)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _say_left_out(errors: Sequence[CorpusError], count: int) -> None:
    if errors and len(errors) == count:
        raise CorpusError(f"none of {count} recordings can be used; the first: {errors[0]}")
    if errors:
        text = f"merits-train: {len(errors)} of {count} recordings are left out; the first: {errors[0]}"
        print(text, file=sys.stderr)
