"""MELD (Poria et al., ACL 2019): dialogues from Friends, 7 emotions; CSV and clips as published."""

import struct
from itertools import groupby
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from offline_train.corpora.corpus import (
    SPLITS,
    Conversation,
    Corpus,
    Recording,
    Sentiment,
    Split,
    Utterance,
)
from offline_train.corpora.emotions import EMOTIONS
from offline_train.corpora.errors import CorpusError
from offline_train.corpora.layout import find
from offline_train.corpora.tables import number, read_table

LABELS = EMOTIONS
SENTIMENTS = ("negative", "neutral", "positive")
_FILES: dict[Split, str] = {
    "train": "train_sent_emo.csv",
    "validation": "dev_sent_emo.csv",
    "test": "test_sent_emo.csv",
}
_CLIPS: dict[Split, tuple[str, ...]] = {
    "train": ("train_splits", "train"),
    "validation": ("dev_splits_complete", "dev"),
    "test": ("output_repeated_splits_test", "test"),
}
_COLUMNS = ("Utterance", "Speaker", "Emotion", "Sentiment", "Dialogue_ID", "Utterance_ID")
PROSODY = (
    "duration",
    "avg_intensity",
    "intensity_variation",
    "avg_pitch",
    "pitch_std",
    "pitch_range",
    "articulation_rate",
    "mean_hnr",
)
"""The columns of MELD's prosody, in the order of `models.prosody.measures.Prosody`."""


def read_meld_corpus(folder: Path) -> Corpus:
    """Read the official splits.

    Raises:
        CorpusError: see `read_meld`.
    """
    return Corpus("meld", LABELS, {split: read_meld(folder, split) for split in SPLITS})


def read_meld(folder: Path, split: Split) -> list[Conversation]:
    """Read one official split, with its recordings if there is a folder of clips.

    The CSV and the folder of clips (`diaX_uttY.mp4`, or converted to .wav or .flac) are in `folder` or at
    most two folders below it; clips in folders named as the published archives (train_splits,
    dev_splits_complete, output_repeated_splits_test) or train, dev and test. A few of the published clips are
    missing or cut off; their utterances have no recording.

    A folder `prosody` with train.csv, dev.csv and test.csv gives the measures of sound that can't be had. Two
    utterances have none, and nine rows belong to none.

    Raises:
        CorpusError: the CSV is missing or is not MELD's, or a folder has none of the split's clips, or a
            file of the folder `prosody` is missing or broken.
    """
    path = find(folder, _FILES[split])
    if path is None:
        raise CorpusError(f"MELD: expected {_FILES[split]} in {folder}, as published by its authors")
    rows = read_table("MELD", path, _COLUMNS)
    for line, row in rows:
        if row["Emotion"] not in LABELS or row["Sentiment"] not in SENTIMENTS:
            found = f"{row['Emotion']}/{row['Sentiment']}"
            raise CorpusError(f"MELD: {path} line {line}: unknown label {found}")
    clips, prosody = _clips(folder, split), _prosody(folder, split)
    conversations = [
        Conversation(
            dialogue,
            tuple(
                Utterance(
                    id=row["Utterance_ID"],
                    text=row["Utterance"].strip(),
                    label=row["Emotion"],
                    sentiment=cast(Sentiment, row["Sentiment"]),
                    speaker=row["Speaker"],
                    recording=_recording(clips, dialogue, row["Utterance_ID"]),
                    prosody=prosody.get((dialogue, row["Utterance_ID"])),
                )
                for _, row in turns
            ),
        )
        for dialogue, turns in groupby(rows, key=lambda pair: pair[1]["Dialogue_ID"])
    ]
    if clips is not None and not any(u.recording for c in conversations for u in c.utterances):
        raise CorpusError(f"MELD: expected clips named diaX_uttY.mp4 in {clips}, found none of {path.name}'s")
    return conversations


def _prosody(folder: Path, split: Split) -> dict[tuple[str, str], NDArray[np.float32]]:
    """The measures by dialogue and utterance; empty if there is no folder of them."""
    home = find(folder, "prosody")
    if home is None:
        return {}
    path = home / f"{_CLIPS[split][1]}.csv"
    return {
        (row["dialogue"], row["utterance"]): np.array(
            [number("MELD", path, line, name, row[name] or "nan") for name in PROSODY], np.float32
        )
        for line, row in read_table("MELD", path, ("dialogue", "utterance", *PROSODY))
    }


def _clips(folder: Path, split: Split) -> Path | None:
    archive, short = _CLIPS[split]
    found = find(folder, archive)
    if found is None and (clip := find(folder, f"{short}/dia*_utt*.*")):
        found = clip.parent
    return found


def _recording(clips: Path | None, dialogue: str, utterance: str) -> Recording | None:
    if clips is None:
        return None
    for ending in (".mp4", ".wav", ".flac"):
        path = clips / f"dia{dialogue}_utt{utterance}{ending}"
        if path.is_file() and (ending != ".mp4" or _is_whole(path)):
            return Recording(path)
    return None


def _is_whole(path: Path) -> bool:
    """Whether an MP4 has its index, the box `moov` (ISO/IEC 14496-12); without it, it can't be decoded."""
    end = path.stat().st_size
    position = 0
    with path.open("rb") as file:
        while position + 16 <= end:
            file.seek(position)
            size, kind, long_size = struct.unpack(">I4sQ", file.read(16))
            size = {0: end - position, 1: long_size}.get(size, size)
            if kind == b"moov":
                return bool(position + size <= end)
            position += max(size, 8)
    return False
