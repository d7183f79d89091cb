"""`merits-train transcribe`."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import typer
from typer import Option

from docstring_options import documented
from offline_train.commands.options import CORPUS, FOLDER
from offline_train.corpora.corpus import Corpus
from offline_train.errors import UsageError

if TYPE_CHECKING:
    from offline_train.transcription.job import Job


@dataclass(frozen=True)
class WhisperOptions:
    """The model and its options.

    Attributes:
        model: Whisper model: a size such as base.en or large-v3, or a folder in CTranslate2 format.
        language: Language code of the speech, such as en. [default: detected for each clip]
        beam_size: Width of the beam search; 1 is fastest.
        device: Device to compute on; auto is CUDA if available.
        compute_type: Number format of CTranslate2, such as int8 or float16; auto is the fastest one that the
            device supports.
        batch_size: Number of clips decoded together; limited by memory.
        threads: Number of CPU threads; 0 is OMP_NUM_THREADS, or four if that is not set.
    """

    panel: ClassVar = "Whisper"

    model: str = "base.en"
    language: str | None = None
    beam_size: Annotated[int, Option(min=1)] = 5
    device: Literal["auto", "cpu", "cuda"] = "auto"
    compute_type: str = "auto"
    batch_size: Annotated[int, Option(min=1)] = 16
    threads: Annotated[int, Option(min=0)] = 0


@documented
def transcribe(
    out: Annotated[Path, Option(dir_okay=False)],
    whisper: WhisperOptions,
    corpus: Annotated[str | None, Option(help=CORPUS)] = None,
    data: Annotated[Path | None, Option(help=FOLDER)] = None,
    audio: Path | None = None,
) -> None:
    """Transcribe a corpus or any recordings with Whisper.

    Writes a line per utterance: id, split, conversation, text, reference, language, duration_s, avg_logprob,
    no_speech_prob, and the location of its sound. For a corpus with words, prints the word error rate. Clips
    that can't be decoded are reported and skipped. The same command resumes a job that was killed.

    Examples:

    merits-train transcribe --corpus meld --data MELD.Raw --model large-v3 --out meld-words.jsonl

    merits-train stage1 text --corpus meld --data MELD.Raw --transcripts meld-words.jsonl --out run

    Args:
        out: JSON Lines file of the transcripts. A killed job is resumed from it; OUT.metrics.json is written
            last.
        audio: Folder of recordings instead of a corpus, each a conversation. Long ones are cut at pauses.
    """
    from models.whisper.find_model import find_model
    from offline_train.transcription.job import Job
    from offline_train.transcription.transcribe import blank_transcripts
    from offline_train.transcription.transcribe import transcribe as fill_in
    from offline_train.transcription.whisper import Whisper, WhisperFailed

    if (audio is None) == (corpus is None) or (corpus is None) != (data is None):
        raise UsageError("say what to transcribe: either --corpus NAME --data FOLDER, or --audio FOLDER")
    model = Path(whisper.model)
    settings = {
        "corpus": corpus,
        "data": str(data.absolute()) if data else None,
        "audio": str(audio.absolute()) if audio else None,
        "model": str(model.absolute()) if model.is_dir() else whisper.model,
        "language": whisper.language,
        "beam_size": whisper.beam_size,
        "compute_type": whisper.compute_type,
    }
    job = Job(out, settings)
    job.check()
    folder = find_model(whisper.model)
    try:
        blanks = blank_transcripts(
            _read_audio(audio, job) if audio else _read_corpus(str(corpus), Path(str(data)))
        )
        set_aside = []
        if {blank.id for blank in blanks} - job.done().keys():
            loaded = Whisper(
                folder,
                device=whisper.device,
                compute_type=whisper.compute_type,
                language=whisper.language,
                beam_size=whisper.beam_size,
                batch_size=whisper.batch_size,
                threads=whisper.threads,
            )
            job.start()
            set_aside = fill_in(blanks, loaded, whisper.batch_size, job)
        metrics = job.finish(set_aside)
    except (WhisperFailed, OSError) as error:
        print(f"merits-train: {error}; the same line again goes on from there", file=sys.stderr)
        raise typer.Exit(1) from error
    _report(out, metrics)


def _read_corpus(name: str, data: Path) -> Corpus:
    from offline_train.corpora.registry import read_corpus

    corpus = read_corpus(name, data)
    if not any(utterance.recording for _, _, utterance in corpus.utterances()):
        raise UsageError(f"{name} in {data} comes without sound: there is nothing to transcribe")
    return corpus


def _read_audio(place: Path, job: "Job") -> Corpus:
    from offline_train.progress_bar import progress_bar
    from offline_train.transcription.recordings import read_recordings

    with progress_bar() as bar:
        corpus = read_recordings(
            place, job.beside("cuts.jsonl"), lambda paths: bar.track(paths, description="looking for pauses")
        )
    silent = [conversation.id for conversation in corpus.splits["train"] if not conversation.utterances]
    if silent:
        print(f"nobody speaks in {len(silent)} recordings, {silent[0]} for one", file=sys.stderr)
    return corpus


def _report(out: Path, metrics: Mapping[str, Any]) -> None:
    """Print the result.

    Raises:
        typer.Exit: nothing was transcribed.
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
