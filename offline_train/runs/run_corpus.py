"""The corpus of a run, as stored in its settings."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from offline_train.corpora.corpus import Corpus
from offline_train.corpora.registry import read_corpus
from offline_train.runs.run import Run


@dataclass(frozen=True)
class RunCorpus:
    """A corpus on disk and how to read it.

    Attributes:
        corpus: its name.
        data: its folder, or the manifest of corpus "folder".
        features: name of the precomputed speech features, if it has several.
        fold: number of the cross-validation split; None for the usual split.
        transcripts: file of `transcribe` with words to use instead of the corpus' own.
    """

    corpus: str
    data: Path
    features: str | None = None
    fold: int | None = None
    transcripts: Path | None = None

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "RunCorpus":
        """Parse the corpus in a run's settings."""
        paths = {key: Path(stored[key]) if stored[key] else None for key in ("data", "transcripts")}
        return cls(**{**stored, **paths})

    def read(self) -> Corpus:
        """Read the corpus.

        Raises:
            CorpusError: the corpus is missing or broken.
            UsageError: the transcripts are missing or broken.
        """
        corpus = read_corpus(self.corpus, self.data, features=self.features, fold=self.fold)
        if self.transcripts is None:
            return corpus
        from offline_train.transcription.transcripts import read_transcripts, with_transcripts

        return with_transcripts(corpus, read_transcripts(self.transcripts))


def corpus_of(run: Run) -> RunCorpus:
    """The corpus of a run."""
    return RunCorpus.of(run.settings["corpus"])


def parent(run: Run, name: str) -> Run:
    """The run that another run is based on, by its role."""
    return Run(Path(run.settings["parents"][name]))
