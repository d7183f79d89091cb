"""CMU-MOSI (Zadeh et al., IEEE Intelligent Systems 2016): video monologues, scored from -3 to 3."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from offline_train.corpora.corpus import Conversation, Corpus, Recording, Sentiment, Split, Utterance
from offline_train.corpora.errors import CorpusError
from offline_train.corpora.layout import find
from offline_train.corpora.prepared import UTTERANCES, is_prepared, read_prepared
from offline_train.corpora.tables import number, read_lines, read_table

LABELS = ("negative", "positive")
# fmt: off
TEST_VIDEOS = frozenset(
    (
        "03bSnISJMiM", "0h-zjBukYpk", "1iG0909rllw", "2WGyTLYerpo", "8d-gEyoeBzc", "9J25DZhivz8",
        "9c67fiY0wGQ", "Af8D0E4ZXaw", "BI97DNYfe5I", "BXuRRbG0Ugk", "Ci-AH39fi3Y", "Clx4VXItLTE",
        "Dg_0XKD0Mf4", "G-xst2euQUc", "GWuJjcEuzt8", "I5y0__X72p0", "Iu2PFX3z_1s", "Jkswaaud0hk",
        "Njd1F0vZSm4", "Nzq88NnDkEk", "OQvJTdtJ2H4", "Sqr0AcuoNnk", "Vj1wYRQjB-o", "ZUXBRvtny7o",
        "cM3Yna7AavY", "cW1FSBF59ik", "iiK8YX8oH1E", "tStelxIAHjw", "tmZoasNr4rU", "vvZ4IcEtiZc",
        "vyB00TXsimI",
    )
)
# fmt: on
"""The 31 test videos of Poria et al. (ACL 2017), as in their repository; the CMU SDK's own folds differ."""

_TRAIN, _VALIDATION, _TEST = 49, 13, 31  # videos
_SPLITS: dict[str, Split] = {
    "train": "train",
    "valid": "validation",
    "dev": "validation",
    "validation": "validation",
    "test": "test",
}


@dataclass(frozen=True, slots=True)
class _Segment:
    """An utterance with its video, and the split given by its file."""

    video: str
    utterance: Utterance
    split: Split | None = None


def read_mosi(folder: Path, *, features: str | None = None) -> Corpus:
    """Read CMU-MOSI with two labels, negative below 0 and positive from 0; a video is a conversation.

    The folder holds the prepared corpus; or the raw release (`OpinionLevelSentiment.csv`,
    `Audio/WAV_16000/Segmented/VIDEO_N.wav`, `Transcript/Segmented/VIDEO.annotprocessed`); or its
    redistribution with a `label.csv` (video_id, clip_id, text, label, mode) and `Raw/VIDEO/N.mp4`.

    49 videos are the training split, 13 the validation, 31 the test (MERITS-L, section IV-A): the test split
    is `TEST_VIDEOS`; the others are divided in order of name. Without any of those videos, the splits are
    given by the mode in label.csv, else the last third of the videos is the test split.

    Args:
        folder: the corpus' folder.
        features: array of a prepared corpus to use as speech features, `audio73` by default.

    Raises:
        CorpusError: the corpus is missing or broken.
    """
    if is_prepared(folder):
        segments = _read_prepared(folder, features or "audio73")
    elif features is not None:
        raise CorpusError(f"CMU-MOSI: {folder} has sound and no prepared features; leave {features!r} out")
    elif labels := find(folder, "OpinionLevelSentiment.csv"):
        segments = _read_raw(folder, labels)
    elif labels := find(folder, "label.csv"):
        segments = _read_redistribution(folder, labels)
    else:
        raise CorpusError(
            f"CMU-MOSI: expected OpinionLevelSentiment.csv, label.csv or {UTTERANCES} in {folder}"
        )
    if not segments:
        raise CorpusError(f"CMU-MOSI: no labels in {folder}")
    return Corpus("mosi", LABELS, _split(segments))


def _utterance(
    name: str, text: str | None, score: float, recording: Recording | None, where: str
) -> Utterance:
    if not -3 <= score <= 3:
        raise CorpusError(f"CMU-MOSI: {where}: score {score:g} is not between -3 and 3")
    label: Sentiment = "negative" if score < 0 else "positive"
    return Utterance(name, text, label, sentiment=label, valence=score, recording=recording)


def _read_prepared(folder: Path, features: str) -> list[_Segment]:
    keys = {"id": str, "video": str, "split": str, "text": str, "label": int}
    segments = []
    for row, speech in read_prepared("CMU-MOSI", folder, keys, features):
        if row["label"] not in (0, 1) or row["split"] not in _SPLITS:
            raise CorpusError(f"CMU-MOSI: {folder}: {row['id']} has an unknown label or split")
        label: Sentiment = "positive" if row["label"] else "negative"
        utterance = Utterance(row["id"], row["text"], label, sentiment=label, speech=speech)
        segments.append(_Segment(row["video"], utterance, _SPLITS[row["split"]]))
    return segments


def _read_raw(folder: Path, labels: Path) -> list[_Segment]:
    transcripts = find(folder, "Transcript/Segmented")
    sounds = find(folder, "Audio/WAV_16000/Segmented")
    if transcripts is None or sounds is None:
        lacking = "Transcript/Segmented" if transcripts is None else "Audio/WAV_16000/Segmented"
        raise CorpusError(f"CMU-MOSI: expected {lacking} in {folder}")
    said: dict[str, dict[str, str]] = {}
    segments = []
    for line, text in read_lines("CMU-MOSI", labels):  # start, end, video, segment, score; no header
        fields = next(csv.reader([text]))
        if len(fields) != 5:
            raise CorpusError(f"CMU-MOSI: {labels} line {line} is not 'start,end,video,segment,score'")
        video, segment = fields[2].strip(), fields[3].strip()
        if video not in said:
            said[video] = _words(transcripts / f"{video}.annotprocessed")
        if segment not in said[video]:
            raise CorpusError(f"CMU-MOSI: {transcripts / video}.annotprocessed has no line of {segment}")
        sound = sounds / f"{video}_{segment}.wav"
        if not sound.is_file():
            raise CorpusError(f"CMU-MOSI: expected {sound.name} in {sounds}")
        score = number("CMU-MOSI", labels, line, "the score", fields[4])
        utterance = _utterance(
            sound.stem, said[video][segment], score, Recording(sound), f"{labels} line {line}"
        )
        segments.append(_Segment(video, utterance))
    return segments


def _words(path: Path) -> dict[str, str]:
    said = {}
    for line, text in read_lines("CMU-MOSI", path):
        segment, mark, words = text.partition("_DELIM_")
        if not mark:
            raise CorpusError(f"CMU-MOSI: {path} line {line} is not 'segment_DELIM_words'")
        said[segment.strip()] = words.strip()
    return said


def _read_redistribution(folder: Path, labels: Path) -> list[_Segment]:
    clips = find(folder, "Raw")
    segments = []
    for line, row in read_table("CMU-MOSI", labels, ("video_id", "clip_id", "text", "label", "mode")):
        where = f"{labels} line {line}"
        if row["mode"] not in _SPLITS:
            raise CorpusError(f"CMU-MOSI: {where}: unknown mode {row['mode']!r}")
        clip = None if clips is None else clips / row["video_id"] / f"{row['clip_id']}.mp4"
        if clip is not None and not clip.is_file():
            raise CorpusError(f"CMU-MOSI: expected {clip.name} in {clip.parent}")
        score = number("CMU-MOSI", labels, line, "label", row["label"])
        name = f"{row['video_id']}_{row['clip_id']}"
        utterance = _utterance(name, row["text"].strip(), score, Recording(clip) if clip else None, where)
        segments.append(_Segment(row["video_id"], utterance, _SPLITS[row["mode"]]))
    return segments


def _split(segments: Iterable[_Segment]) -> dict[Split, list[Conversation]]:
    videos: dict[str, list[Utterance]] = {}
    given: dict[str, Split | None] = {}
    for segment in segments:
        videos.setdefault(segment.video, []).append(segment.utterance)
        given[segment.video] = segment.split
    tests = TEST_VIDEOS & videos.keys()
    splits: dict[Split, list[Conversation]] = {"train": [], "validation": [], "test": []}
    if not tests and all(given.values()):
        for video, split in given.items():
            splits[split or "train"].append(Conversation(video, tuple(videos[video])))
        return splits
    names = list(videos)
    if tests:
        names.sort()
    else:
        tests = frozenset(names[len(names) - round(len(names) * _TEST / (_TRAIN + _VALIDATION + _TEST)) :])
    others = [name for name in names if name not in tests]
    cut = round(len(others) * _TRAIN / (_TRAIN + _VALIDATION))
    parts: dict[Split, list[str]] = {
        "train": others[:cut],
        "validation": others[cut:],
        "test": [name for name in names if name in tests],
    }
    return {
        split: [Conversation(name, tuple(videos[name])) for name in part] for split, part in parts.items()
    }
