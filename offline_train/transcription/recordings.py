"""The user's recordings as a corpus: each is a conversation; long ones are cut at pauses."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path

from models.sample_rate import SAMPLE_RATE
from offline_train.corpora.audio import load_audio, stated_duration_s
from offline_train.corpora.corpus import Conversation, Corpus, Recording, Utterance
from offline_train.corpora.errors import CorpusError
from offline_train.files import mend_lines
from offline_train.transcription.spans import WINDOW_S, speech_spans

# fmt: off
SUFFIXES = frozenset({
    ".3gp", ".aac", ".aif", ".aiff", ".amr", ".au", ".avi", ".caf", ".flac", ".m4a", ".m4b", ".mka", ".mkv",
    ".mov", ".mp2", ".mp3", ".mp4", ".mpeg", ".mpg", ".oga", ".ogg", ".opus", ".sph", ".ts", ".wav", ".webm",
    ".wma", ".wmv", ".wv",
})
# fmt: on
"""Extensions of files that are read as recordings."""

Cuts = list[tuple[float, float]] | None
"""Start and end of each utterance in seconds; None for a recording that is a single utterance."""


def read_recordings(
    place: Path, cuts_file: Path, follow: Callable[[list[Path]], Iterable[Path]] = lambda paths: paths
) -> Corpus:
    """Read a folder of recordings, and those in folders below, or a single file.

    A recording of up to `WINDOW_S` is one utterance, as is one that can't be decoded, which is reported when
    it is loaded. Longer ones are cut at pauses; the cuts are stored in `cuts_file` as soon as they are known.

    Args:
        place: the folder or file.
        cuts_file: JSON Lines, an object per recording; read if it exists, and appended to.
        follow: iterates over the recordings that have no stored cuts, to show progress.

    Raises:
        CorpusError: there is no recording.
    """
    paths = [place] if place.is_file() else _recordings(place)
    if not paths:
        raise CorpusError(
            f"expected recordings (such as .wav, .flac, .mp3, .mp4) in {place}, "
            + ("found none" if place.is_dir() else "but there is no such folder or file")
        )
    root = place.parent if place.is_file() else place
    cuts_file.parent.mkdir(parents=True, exist_ok=True)
    cuts = _known_cuts(cuts_file)
    for path in follow([path for path in paths if str(path.absolute()) not in cuts]):
        cuts[str(path.absolute())] = _cut(path)
        _append(cuts_file, str(path.absolute()), cuts[str(path.absolute())])
    conversations = []
    for path in paths:
        name = path.relative_to(root).as_posix()
        conversations.append(Conversation(name, _utterances(path, name, cuts[str(path.absolute())])))
    return Corpus(root.name, labels=(), splits={"train": conversations, "validation": (), "test": ()})


def _recordings(folder: Path) -> list[Path]:
    return sorted(
        path for path in folder.rglob("[!.]*") if path.suffix.lower() in SUFFIXES and path.is_file()
    )


def _cut(path: Path) -> Cuts:
    stated_s = stated_duration_s(path)
    if stated_s is not None and stated_s <= WINDOW_S:
        return None
    try:
        audio = load_audio(Recording(path))
    except CorpusError:
        return None
    if len(audio) <= WINDOW_S * SAMPLE_RATE:
        return None
    return [
        (round(start / SAMPLE_RATE, 3), round(end / SAMPLE_RATE, 3)) for start, end in speech_spans(audio)
    ]


def _utterances(path: Path, name: str, cuts: Cuts) -> tuple[Utterance, ...]:
    if cuts is None:
        return (Utterance(name, None, label=None, recording=Recording(path)),)
    return tuple(
        Utterance(f"{name}#{number:04d}", None, label=None, recording=Recording(path, start_s, end_s))
        for number, (start_s, end_s) in enumerate(cuts, start=1)
    )


def _known_cuts(path: Path) -> dict[str, Cuts]:
    mend_lines(path)
    if not path.exists():
        return {}
    with path.open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return {row["recording"]: row["cuts"] and [(start, end) for start, end in row["cuts"]] for row in rows}


def _append(path: Path, recording: str, cuts: Cuts) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"recording": recording, "cuts": cuts}) + "\n")
