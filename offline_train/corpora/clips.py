"""Corpora of single sentences: a sentence a file, whose name says who spoke it and in which emotion."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from offline_train.corpora.corpus import SPLITS, Conversation, Corpus, Recording, Split, Utterance
from offline_train.corpora.emotions import EMOTIONS, emotions_of
from offline_train.corpora.errors import CorpusError

FOLDS = 5
"""Cross-validation splits of a corpus; as many as it has speakers if those are fewer."""

_SOUNDS = {".flac", ".wav"}


class Spoken(NamedTuple):
    """What the name of a clip says.

    Attributes:
        emotion: as the corpus calls it in `offline_train.corpora.emotions.TABLE`.
        speaker: who speaks.
        text: the words, if the name says them.
        id: a name unique in the corpus; None if that of the file is.
        split: the split in which it is published; None if it goes with its speaker.
    """

    emotion: str
    speaker: str
    text: str | None = None
    id: str | None = None
    split: Split | None = None


@dataclass(frozen=True, slots=True)
class SpeakerSplit:
    """Speakers of the training, validation and test split, which are disjoint."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]


def split_speakers(corpus: str, speakers: Sequence[str], fold: int | None = None) -> SpeakerSplit:
    """Split a corpus by speakers.

    Usually a tenth of the speakers, the last, are the test split, and the tenth before them the validation. A
    fold's test split is a fifth of the speakers, or one of fewer than five; half as many after them are its
    validation, and every speaker is in the test split of one fold. Each part has at least one speaker, but
    with two speakers there is no validation.

    Args:
        corpus: name of the corpus, for errors.
        speakers: all of them. If men and women alternate, each part has as many of both, or one more.
        fold: number of a cross-validation split, from 0; None for the usual split.

    Raises:
        CorpusError: there is no such fold.
    """
    count = len(speakers)
    if fold is None:
        order = tuple(reversed(speakers))
        tests = validations = max(1, count // 10)
    else:
        folds = min(FOLDS, count)
        if not 0 <= fold < folds:
            raise CorpusError(f"{corpus}: fold {fold}: there are {folds}, counted from 0")
        start, end = (round(number * count / folds) for number in (fold, fold + 1))
        order = (*speakers[start:], *speakers[:start])
        tests, validations = end - start, max(1, (end - start) // 2)
    if count < 3:
        validations = 0
    apart = tests + validations
    return SpeakerSplit(*(tuple(sorted(part)) for part in (order[apart:], order[tests:apart], order[:tests])))


@dataclass(frozen=True, slots=True)
class ClipCorpus:
    """A corpus of clips: what sets it apart from others.

    Attributes:
        name: name on the command line.
        title: name in errors.
        layout: how its files are named, for errors.
        parse: what a file's name says; None if it has another layout.
        speakers: the speakers in the splits, see `split_speakers`; empty for all there are.
        words: reads the words by the names of the files, where those don't say them.
        silent: names of published files without any sound, which are left out.
    """

    name: str
    title: str
    layout: str
    parse: Callable[[Path], Spoken | None]
    speakers: tuple[str, ...] = ()
    words: Callable[[Path], Mapping[str, str]] | None = None
    silent: frozenset[str] = frozenset()

    @property
    def folds(self) -> int:
        """How many folds `read` knows, if there are enough speakers."""
        return min(FOLDS, len(self.speakers)) or FOLDS

    def read(self, folder: Path, *, fold: int | None = None) -> Corpus:
        """Read each clip as a conversation, including the silence before and after the speech.

        The splits are those of `split_speakers`. Where that leaves no validation, as with two speakers, it is
        every fifth sentence of the training speaker's.

        Args:
            folder: folder of the clips (.flac or .wav), or one above.
            fold: number of a cross-validation split, from 0; None for the usual split.

        Raises:
            CorpusError: there are no clips, or none of one of the speakers, or a file has another name, or
                there is no such fold.
        """
        clips = self.find(folder, self.speakers or None)
        speakers = self.speakers or sorted({spoken.speaker for _, spoken in clips if spoken.split is None})
        parts = split_speakers(self.title, speakers, fold)
        split_of = {speaker: split for split in SPLITS for speaker in getattr(parts, split)}
        emotions = emotions_of(self.name)
        words = self.words(folder) if self.words else {}
        splits: dict[Split, list[Conversation]] = {split: [] for split in SPLITS}
        for path, spoken in clips:
            utterance = Utterance(
                id=spoken.id or path.stem,
                text=spoken.text or words.get(path.stem),
                label=emotions[spoken.emotion],
                speaker=spoken.speaker,
                recording=Recording(path),
            )
            one = Conversation(utterance.id, (utterance,))
            splits[spoken.split or split_of[spoken.speaker]].append(one)
        if not splits["validation"]:
            splits["train"], splits["validation"] = _without_sentences(splits["train"])
        return Corpus(self.name, EMOTIONS, splits)

    def find(self, folder: Path, speakers: Collection[str] | None = None) -> list[tuple[Path, Spoken]]:
        """The clips in `folder` or below it, in order of name.

        Args:
            folder: the folder.
            speakers: whose clips; None for all.

        Raises:
            CorpusError: there are none, or none of one of the speakers, or a file has another name.
        """
        paths = sorted(path for path in folder.rglob("[!.]*") if path.suffix.lower() in _SOUNDS)
        if not paths:
            raise CorpusError(f"{self.title}: expected clips named {self.layout} in {folder}, found none")
        clips = []
        for path in paths:
            spoken = self.parse(path)
            if spoken is None:
                raise CorpusError(f"{self.title}: {path.name} in {path.parent} is not named {self.layout}")
            if path.stem not in self.silent and (speakers is None or spoken.speaker in speakers):
                clips.append((path, spoken))
        if missing := set(speakers or ()) - {spoken.speaker for _, spoken in clips}:
            raise CorpusError(f"{self.title}: no clips of {', '.join(sorted(missing))} in {folder}")
        return sorted(clips, key=lambda clip: clip[1].id or clip[0].stem)


def _without_sentences(clips: Sequence[Conversation]) -> tuple[list[Conversation], list[Conversation]]:
    """Divide clips into those of four fifths of the sentences and those of the others."""
    texts = sorted({text for one in clips if (text := one.utterances[0].text)})
    held = set(texts[::5])
    return (
        [one for one in clips if one.utterances[0].text not in held],
        [one for one in clips if one.utterances[0].text in held],
    )
