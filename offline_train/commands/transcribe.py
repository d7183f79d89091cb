"""`merits-train transcribe`."""

import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from offline_train.corpora.corpus import Corpus
from offline_train.corpora.registry import CORPORA
from offline_train.errors import UsageError

if TYPE_CHECKING:
    from offline_train.transcription.job import Job


class Device(StrEnum):
    """What to compute on."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


def transcribe(
    out: Annotated[
        Path,
        typer.Option(
            dir_okay=False,
            help="The transcripts, JSON Lines. A killed job goes on from here; FILE.metrics.json comes last.",
        ),
    ],
    corpus: Annotated[
        str | None, typer.Option(help=f"With --data, what to transcribe: {', '.join(CORPORA)}.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder of the corpus (corpus `folder`: the manifest).")
    ] = None,
    audio: Annotated[
        Path | None,
        typer.Option(
            help="Instead of a corpus: a folder of any recordings, each a conversation; long ones are cut at "
            "their pauses."
        ),
    ] = None,
    model: Annotated[
        str,
        typer.Option(help="Whisper: a size such as base.en or large-v3, or a folder in CTranslate2 format."),
    ] = "base.en",
    language: Annotated[
        str | None, typer.Option(help="Code of what is spoken, such as en; found out clip by clip if unset.")
    ] = None,
    beam_size: Annotated[int, typer.Option(min=1, help="Of the beam search; 1 is fastest.")] = 5,
    device: Annotated[Device, typer.Option(help="What to compute on.")] = Device.AUTO,
    compute_type: Annotated[
        str, typer.Option(help="CTranslate2's: int8, float16...; auto is the fastest that the device can do.")
    ] = "auto",
    batch_size: Annotated[int, typer.Option(min=1, help="Clips at once; as many as memory holds.")] = 16,
    threads: Annotated[int, typer.Option(min=0, help="On the CPU; 0 for OMP_NUM_THREADS, or four.")] = 0,
) -> None:
    """Speech to words, with Whisper: a corpus, or any recordings.

    Writes a line an utterance: id, split, conversation, text, reference, language, duration_s, avg_logprob,
    no_speech_prob, and where its sound is. Where the corpus has words of its own, prints the word error rate.
    What can't be decoded is said and set aside. The same line again finishes a job that was killed.

    Examples:

    merits-train transcribe --corpus meld --data MELD.Raw --model large-v3 --out meld-words.jsonl

    merits-train stage1 --modality text --corpus meld --data MELD.Raw --transcripts meld-words.jsonl --out run
    """
    from offline_train.transcription.find_model import find_model
    from offline_train.transcription.job import Job
    from offline_train.transcription.transcribe import blank_transcripts
    from offline_train.transcription.transcribe import transcribe as fill_in
    from offline_train.transcription.whisper import Whisper, WhisperFailed

    if (audio is None) == (corpus is None) or (corpus is None) != (data is None):
        raise UsageError("say what to transcribe: either --corpus NAME --data FOLDER, or --audio FOLDER")
    settings = {
        "corpus": corpus,
        "data": str(data.absolute()) if data else None,
        "audio": str(audio.absolute()) if audio else None,
        "model": str(Path(model).absolute()) if Path(model).is_dir() else model,
        "language": language,
        "beam_size": beam_size,
        "compute_type": compute_type,
    }
    job = Job(out, settings)
    job.check()
    folder = find_model(model)
    try:
        blanks = blank_transcripts(
            _read_audio(audio, job) if audio else _read_corpus(str(corpus), Path(str(data)))
        )
        set_aside = []
        if {blank.id for blank in blanks} - job.done().keys():
            whisper = Whisper(
                folder,
                device=device.value,
                compute_type=compute_type,
                language=language,
                beam_size=beam_size,
                batch_size=batch_size,
                threads=threads,
            )
            job.start()
            set_aside = fill_in(blanks, whisper, batch_size, job)
        metrics = job.finish(set_aside)
    except (WhisperFailed, OSError) as error:
        print(f"merits-train: {error}; the same line again goes on from there", file=sys.stderr)
        raise typer.Exit(1) from error
    _report(out, metrics)


def _read_corpus(name: str, data: Path) -> Corpus:
    from offline_train.corpora.registry import read_corpus

    corpus = read_corpus(name, data)
    utterances = [u for part in corpus.splits.values() for c in part for u in c.utterances]
    if not any(utterance.recording for utterance in utterances):
        raise UsageError(f"{name} in {data} comes without sound: there is nothing to transcribe")
    return corpus


def _read_audio(place: Path, job: "Job") -> Corpus:
    from offline_train.transcription.progress import progress_bar
    from offline_train.transcription.recordings import read_recordings

    with progress_bar() as bar:
        corpus = read_recordings(
            place, job.cuts_file, lambda paths: bar.track(paths, description="looking for pauses")
        )
    silent = [conversation.id for conversation in corpus.splits["train"] if not conversation.utterances]
    if silent:
        print(f"nobody speaks in {len(silent)} recordings, {silent[0]} for one", file=sys.stderr)
    return corpus


def _report(out: Path, metrics: Mapping[str, Any]) -> None:
    """Print what came out.

    Raises:
        typer.Exit: nothing did.
    """
    set_aside = len(metrics["set_aside"])
    print(
        f"{out}: {metrics['utterances']} utterances, {metrics['duration_s'] / 3600:.2f} h"
        + (f", {metrics['without_words']} of them without words" if metrics["without_words"] else "")
        + (f"; {set_aside} set aside" if set_aside else "")
    )
    for part, errors in metrics["word_error_rate"].items():
        if errors["words"]:
            print(f"word error rate, {part}: {errors['word_error_rate']:.2%} of {errors['words']} words")
    if set_aside and not metrics["utterances"]:
        print("merits-train: nothing could be transcribed", file=sys.stderr)
        raise typer.Exit(1)
