"""`merits-train pretrain-care`."""

from pathlib import Path
from typing import Annotated

import typer

from offline_train.commands.options import (
    Config,
    Epochs,
    LearningRate,
    Out,
    Preset,
    Seed,
    Set,
    open_run,
    settings_from,
)
from offline_train.corpora.registry import CORPORA
from offline_train.errors import UsageError


def pretrain_care(
    out: Out,
    corpus: Annotated[
        str | None, typer.Option(help=f"Speech of a corpus' training split: {', '.join(CORPORA)}.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder of the corpus (corpus `folder`: the manifest).")
    ] = None,
    audio: Annotated[
        Path | None,
        typer.Option(help="Besides or instead: a folder of any recordings; cut at their pauses."),
    ] = None,
    transcripts: Annotated[
        Path | None,
        typer.Option(help="From `transcribe`: words of the corpus, or of the recordings alone."),
    ] = None,
    text: Annotated[
        str | None,
        typer.Option(
            metavar="RUN|BASE",
            help="The text encoder that teaches: run of pretrain-text, folder or name.  \\[default: small]",
        ),
    ] = None,
    seed: Seed = None,
    epochs: Epochs = None,
    learning_rate: LearningRate = None,
    preset: Preset = "small",
    config: Config = None,
    changes: Set = None,
) -> None:
    """CARE: learn to hear from unlabelled speech, before any corpus is seen.

    Words teach the semantic encoder what a text encoder makes of them; where there are none, the acoustic
    encoder alone is taught, to describe the sound.

    Examples:

    merits-train transcribe --audio podcasts --out words.jsonl

    merits-train pretrain-care --audio podcasts --transcripts words.jsonl --text runs/text --out runs/care

    merits-train stage1 --modality speech --corpus ravdess --data ravdess --pretrained runs/care --out runs/s1
    """
    from offline_train.corpora.corpus import Conversation
    from offline_train.pretrain_care import PretrainCareSettings
    from offline_train.pretrain_care import pretrain_care as train
    from offline_train.run import Run
    from offline_train.source import Source
    from offline_train.transcription.progress import progress_bar
    from offline_train.transcription.recordings import read_recordings
    from offline_train.transcripts import read_transcripts, with_transcripts

    if (corpus is None) != (data is None) or (corpus is None and audio is None):
        raise UsageError("say what to listen to: --corpus NAME --data FOLDER, --audio FOLDER, or both")
    taught_by = Path(text) if text and (Path(text) / "settings.json").exists() else None
    flags: dict[str, object] = {"fit.seed": seed, "fit.epochs": epochs, "fit.learning_rate": learning_rate}
    if text and taught_by is None:
        flags["teacher"] = text
    chosen = settings_from(PretrainCareSettings, "pretrain-care", preset, config, changes, flags)
    conversations: list[Conversation] = []
    source = None
    if corpus is not None and data is not None:
        source = Source(corpus, data, transcripts=transcripts)
        conversations += source.read().splits["train"]
    if audio is not None:
        with progress_bar() as bar:
            found = read_recordings(
                audio, out / "cuts.jsonl", lambda paths: bar.track(paths, description="looking for pauses")
            )
        if transcripts is not None and source is None:
            found = with_transcripts(found, read_transcripts(transcripts))
        conversations += found.splits["train"]
    run = open_run(
        out, chosen, corpus=source, audio=audio, transcripts=transcripts, parents={"text": taught_by}
    )
    if not run.finished:
        train(conversations, chosen, run, Run(taught_by) if taught_by else None)
    held = run.metrics["validation"]
    words = f"semantic loss {held['semantic']:.3f}" if held["with_words"] else "no words to learn from"
    print(f"held out: acoustic loss {held['acoustic']:.3f}  {words}  (1: nothing learnt)")
