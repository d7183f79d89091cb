"""What is made of the sound of utterances, computed once and kept by the sound's content."""

import hashlib
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offline_train.corpora.audio import load_audio, trim
from offline_train.corpora.corpus import Conversation, Recording
from offline_train.corpora.errors import CorpusError
from offline_train.embeddings.array_store import Arrays, ArrayStore
from offline_train.files import plain
from offline_train.progress_bar import progress_bar

Make = Callable[[NDArray[np.int16], np.random.Generator], Arrays]
"""From int16 samples [n] at 16 kHz, without the silence around the speech; the generator depends on them."""


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
    """What `make` makes of every recording, mapped from the store in `folder`, where it is kept.

    What can't be decoded is said on standard error and left out.

    Args:
        recordings: of utterances; None for those that have none.
        make: see `Make`.
        treatment: settings that `make` depends on, as JSON has them. Changed ones are computed anew.
        folder: of the store.
        label: of the progress bar.
        threads: to compute on; as many as torch uses by default.

    Returns:
        Arrays of each; None where there are none.

    Raises:
        CorpusError: there are recordings, but none of them can be used.
    """
    recipe = json.dumps(treatment, default=plain, sort_keys=True)
    digests: dict[Path, str] = {}
    keys: list[str | None] = []
    items: dict[str, Recording] = {}
    failed: list[CorpusError] = []
    with progress_bar() as bar:
        for recording in bar.track(recordings, description="reading recordings"):
            keys.append(None)
            if recording is None:
                continue
            try:
                key = keys[-1] = _key(recording, recipe, digests)
            except CorpusError as error:
                failed.append(error)
            else:
                items[key] = recording
    store = ArrayStore(folder)

    def compute(item: tuple[str, Recording]) -> Arrays:
        key, recording = item
        return make(trim(load_audio(recording)), np.random.default_rng(int(key, 16)))

    errors = store.fill({key: (key, items[key]) for key in items}, compute, label, threads)
    _say_left_out([*failed, *errors.values()], sum(recording is not None for recording in recordings))
    return [store[key] if key is not None and key not in errors else None for key in keys]


def _key(recording: Recording, recipe: str, digests: dict[Path, str]) -> str:
    """Copies elsewhere have the same; files that changed, another part or other settings another."""
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
