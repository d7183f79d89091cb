"""Transcribes a corpus with Whisper, in batches."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, replace
from math import ceil
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from models.sample_rate import SAMPLE_RATE
from offline_train.corpora.audio import load_audio
from offline_train.corpora.corpus import Corpus, Recording
from offline_train.corpora.errors import CorpusError
from offline_train.progress_bar import progress_bar
from offline_train.transcription.job import Job
from offline_train.transcription.spans import WINDOW_S
from offline_train.transcription.transcripts import Transcript
from offline_train.transcription.whisper import Whisper

_DECODERS = 4
_AHEAD = 32
"""Threads that decode, and clips decoded ahead of the model."""

_MOST_COMPLAINTS = 10
"""Limit of errors shown on standard error; the metrics hold all of them."""

_Clip = NDArray[np.int16] | CorpusError


def blank_transcripts(corpus: Corpus) -> list[Transcript]:
    """A transcript without words for each utterance, in order."""
    named = zip(corpus.utterance_names(), corpus.utterances(), strict=True)
    return [
        Transcript(name, split, conversation, None, said.text, recording=_absolute(said.recording))
        for name, (split, conversation, said) in named
    ]


def transcribe(blanks: Sequence[Transcript], whisper: Whisper, batch_size: int, job: Job) -> list[Transcript]:
    """Fill in transcripts and store them, batch by batch.

    A batch consists of whole utterances that fill `batch_size` of Whisper's windows, and is stored as a
    whole: a resumed job continues after a batch, with the same batches as an uninterrupted one.

    Args:
        blanks: transcripts without words for all utterances; those that the job has are skipped.
        whisper: the model.
        batch_size: number of windows per batch.
        job: stores the results.

    Returns:
        Transcripts of those that could not be decoded, with the error.

    Raises:
        WhisperFailed: the model failed; earlier results remain stored.
    """
    done = job.done()
    left = [blank for blank in blanks if blank.id not in done]
    set_aside: list[Transcript] = []
    heard_s, started = 0.0, perf_counter()
    with progress_bar("{task.fields[speed]}") as bar:
        task = bar.add_task("transcribing", total=len(blanks), completed=len(blanks) - len(left), speed="")
        for batch in _batches(_decoded(left), batch_size):
            results = _transcribe_batch(batch, whisper)
            job.append(each for each in results if each.text is not None)
            for each in results:
                heard_s += each.duration_s or 0.0
                if each.text is None:
                    set_aside.append(each)
                    if len(set_aside) <= _MOST_COMPLAINTS:
                        bar.console.print(f"set aside {each.id}: {each.error}", markup=False, highlight=False)
            bar.update(
                task, advance=len(results), speed=f"{heard_s / (perf_counter() - started):.1f} x real time"
            )
    return set_aside


def _transcribe_batch(batch: Sequence[tuple[Transcript, _Clip]], whisper: Whisper) -> list[Transcript]:
    heard = iter(whisper.transcribe([clip for _, clip in batch if not isinstance(clip, CorpusError)]))
    return [
        replace(blank, error=str(clip))
        if isinstance(clip, CorpusError)
        else replace(blank, **asdict(next(heard)), duration_s=len(clip) / SAMPLE_RATE)
        for blank, clip in batch
    ]


def _batches(
    clips: Iterable[tuple[Transcript, _Clip]], batch_size: int
) -> Iterator[list[tuple[Transcript, _Clip]]]:
    batch, windows = [], 0
    for blank, clip in clips:
        batch.append((blank, clip))
        if not isinstance(clip, CorpusError):
            windows += ceil(len(clip) / (WINDOW_S * SAMPLE_RATE))
        if windows >= batch_size:
            yield batch
            batch, windows = [], 0
    if batch:
        yield batch


def _decoded(blanks: Iterable[Transcript]) -> Iterator[tuple[Transcript, _Clip]]:
    ahead: deque[tuple[Transcript, Future[_Clip]]] = deque()
    with ThreadPoolExecutor(_DECODERS, "decoder") as pool:
        for blank in blanks:
            ahead.append((blank, pool.submit(_load, blank.recording)))
            if len(ahead) > _AHEAD:
                first, clip = ahead.popleft()
                yield first, clip.result()
        for first, clip in ahead:
            yield first, clip.result()


def _load(recording: Recording | None) -> _Clip:
    if recording is None:
        return CorpusError("the corpus has no sound of it")
    try:
        return load_audio(recording)
    except CorpusError as error:
        return error


def _absolute(recording: Recording | None) -> Recording | None:
    return recording and replace(recording, path=Path(recording.path).absolute())
