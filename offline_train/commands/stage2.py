"""`merits-train stage2`."""

from pathlib import Path
from typing import Annotated

import typer

from offline_train.commands.options import (
    Config,
    Data,
    Epochs,
    LearningRate,
    Modality,
    Out,
    Preset,
    Seed,
    Set,
    open_run,
    report,
    settings_from,
)
from offline_train.errors import UsageError

Clips = Annotated[
    Path | None, typer.Option(help="Folder with RAVDESS' clips, which give MELD's dialogues sound.")
]


def stage2(
    modality: Annotated[Modality, typer.Option(help="What to train on.")],
    stage1: Annotated[Path, typer.Option(help="Run of Stage I of that modality.")],
    out: Out,
    data: Data = None,
    clips: Clips = None,
    teacher: Annotated[
        list[Path] | None,
        typer.Option(help="text: run of Stage II to distil, on any Stage I; several are averaged."),
    ] = None,
    seed: Seed = None,
    epochs: Epochs = None,
    learning_rate: LearningRate = None,
    preset: Preset = "small",
    config: Config = None,
    changes: Set = None,
) -> None:
    """Stage II: one modality in the context of the conversation (Bi-GRU and self-attention)."""
    from dataclasses import replace

    from offline_train.embeddings import embed_corpus, load_context
    from offline_train.kinds import expect
    from offline_train.run import Run
    from offline_train.source import Source, parent, source_of
    from offline_train.stage2 import ContextStageSettings, train_context, with_teachers

    flags = {"fit.seed": seed, "fit.epochs": epochs, "fit.learning_rate": learning_rate}
    chosen = settings_from(ContextStageSettings, "stage2", preset, config, changes, flags)
    first = expect(Run(stage1), "text1" if modality is Modality.TEXT else "speech1")
    source = source_of(first)
    if clips is not None:
        if modality is not Modality.SPEECH or data is None:
            raise UsageError("--clips is for --modality speech, with --data naming MELD's folder")
        source = Source("meld", data)
    elif source.corpus == "ravdess":
        raise UsageError(
            "RAVDESS has no conversations: pair its sound into MELD's, with --data MELD --clips RAVDESS"
        )
    elif data is not None:
        source = replace(source, data=data)
    corpus = source.read()
    if teacher and modality is not Modality.TEXT:
        raise UsageError("--teacher is for --modality text")
    parents: dict[str, Path | list[Path]] = {"stage1": stage1}
    if teacher:
        parents["teachers"] = teacher
    taught_by = [expect(Run(each), "text2") for each in teacher or []]
    run = open_run(out, chosen, corpus=source, parents=parents, clips=clips)
    if not run.finished:
        if clips is not None:
            from offline_train import dialogues

            speech = dialogues.embed_clips(first, clips)
            silent = dialogues.without_words(embed_corpus(corpus, None, None))
            shown = dialogues.Mismatching(speech["train"].pool, dialogues.speech_trust(speech))
            train_context("speech", dialogues.paired(silent, speech), corpus.labels, chosen, run, shown)
        elif modality is Modality.TEXT:
            words = embed_corpus(corpus, first, None)
            if taught_by:
                taught = [(each, parent(each, "stage1")) for each in taught_by]
                words = with_teachers(
                    words,
                    [
                        (load_context(own), embed_corpus(corpus, below, None)["train"])
                        for own, below in taught
                    ],
                )
            train_context("text", words, corpus.labels, chosen, run)
        else:
            train_context("speech", embed_corpus(corpus, None, first), corpus.labels, chosen, run)
    report(run)
