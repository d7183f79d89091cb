"""Transcripts on disk, as written by `transcribe`: JSON Lines, an object per utterance."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from offline_train.corpora.corpus import SPLITS, Conversation, Corpus, Recording, Split, Utterance
from offline_train.corpora.errors import CorpusError
from offline_train.errors import UsageError


@dataclass(frozen=True, slots=True)
class Transcript:
    """The words that were recognised in an utterance.

    Attributes:
        id: name of the utterance, unique in the corpus (see `Corpus.utterance_names`).
        split: split of the corpus; "train" for recordings outside of a corpus.
        conversation: id of the conversation.
        text: the words, "" if there are none; None if the recording can't be decoded.
        reference: the corpus' own words, if any.
        language: Whisper's language code.
        duration_s: duration of the sound in seconds.
        avg_logprob: mean log-probability of the tokens.
        no_speech_prob: probability that there is no speech.
        recording: its sound; None if the corpus has none.
        error: the reason if `text` is None.
    """

    id: str
    split: Split
    conversation: str
    text: str | None
    reference: str | None = None
    language: str | None = None
    duration_s: float | None = None
    avg_logprob: float | None = None
    no_speech_prob: float | None = None
    recording: Recording | None = None
    error: str | None = None

    def row(self) -> dict[str, object]:
        """The transcript as a JSON object."""
        row = {each.name: getattr(self, each.name) for each in fields(self)}
        for name, digits in {"duration_s": 3, "avg_logprob": 4, "no_speech_prob": 4}.items():
            row[name] = None if row[name] is None else round(row[name], digits)
        recording, error = row.pop("recording"), row.pop("error")
        if recording is not None:
            row |= {"audio": str(recording.path), "start_s": recording.start_s, "end_s": recording.end_s}
        return row if error is None else {**row, "error": error}


def metrics_file(path: Path) -> Path:
    """The metrics file beside finished transcripts: counts, word error rates, and utterances set aside."""
    return path.with_name(f"{path.name}.metrics.json")


def read_transcripts(path: Path) -> list[Transcript]:
    """Read a file of transcripts; the utterances that were set aside come last.

    A last line that a kill cut off is ignored.

    Raises:
        UsageError: the file is missing, or a line is not a transcript.
    """
    if not path.is_file():
        raise UsageError(f"no transcripts in {path}: make them with `merits-train transcribe --out {path}`")
    transcripts = {each.id: each for each in _read(path)}
    if metrics_file(path).is_file():
        metrics = json.loads(metrics_file(path).read_text(encoding="utf-8"))
        transcripts = {row["id"]: _parse(row) for row in metrics["set_aside"]} | transcripts
    return sorted(transcripts.values(), key=lambda each: each.text is None)


def with_transcripts(corpus: Corpus, transcripts: Iterable[Transcript]) -> Corpus:
    """The corpus with recognised words in place of its own.

    Utterances whose recording could not be decoded get no words ("").

    Raises:
        CorpusError: utterances lack a transcript: the transcripts are unfinished or of another corpus.
    """
    texts = {each.id: each.text or "" for each in transcripts}
    names = corpus.utterance_names()
    if missing := [name for name in names if name not in texts]:
        raise CorpusError(
            f"{len(missing)} of {len(names)} utterances of {corpus.name} have no transcript ({missing[0]})"
            f": finish with the same `merits-train transcribe` line, or name the file of {corpus.name}"
        )
    said = iter([texts[name] for name in names])
    return replace(
        corpus,
        splits={
            split: [
                replace(each, utterances=tuple(replace(turn, text=next(said)) for turn in each.utterances))
                for each in corpus.splits.get(split, ())
            ]
            for split in SPLITS
        },
    )


def corpus_of(name: str, transcripts: Sequence[Transcript]) -> Corpus:
    """Transcribed recordings as a corpus without labels, for pre-training; those without words are skipped.

    Args:
        name: name of the corpus.
        transcripts: the transcripts, in the order of their file.
    """
    said = [each for each in transcripts if each.text]
    return Corpus(
        name,
        labels=(),
        splits={
            split: [
                Conversation(
                    conversation,
                    tuple(
                        Utterance(each.id, each.text, label=None, recording=each.recording) for each in turns
                    ),
                )
                for conversation, turns in groupby(
                    (each for each in said if each.split == split), key=lambda each: each.conversation
                )
            ]
            for split in SPLITS
        },
    )


def _read(path: Path) -> Iterator[Transcript]:
    with path.open(encoding="utf-8", newline="\n") as file:
        for number, line in enumerate(file, start=1):
            try:
                yield _parse(json.loads(line))
            except (ValueError, KeyError, TypeError) as error:
                if not line.endswith("\n"):
                    return
                raise UsageError(f"{path} line {number} is not a transcript: {error!r}") from error


def _parse(row: dict[str, Any]) -> Transcript:
    if row["split"] not in SPLITS or not isinstance(row["text"], str | None):
        raise ValueError(f"split {row['split']!r}, text {row['text']!r}")
    known: dict[str, Any] = {each.name: row.get(each.name) for each in fields(Transcript)}
    known |= {name: str(row[name]) for name in ("id", "conversation")}
    if audio := row.get("audio"):
        known["recording"] = Recording(Path(audio), row.get("start_s", 0.0), row.get("end_s"))
    return Transcript(**known)
