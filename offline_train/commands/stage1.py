"""`merits-train stage1`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from offline_train.commands.options import (
    Config,
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
from offline_train.corpora.registry import CORPORA
from offline_train.errors import UsageError

if TYPE_CHECKING:
    from offline_train.corpora.corpus import Corpus
    from offline_train.source import Source


def stage1(
    modality: Annotated[Modality, typer.Option(help="What to train on.")],
    corpus: Annotated[str, typer.Option(help=f"One of: {', '.join(CORPORA)}.")],
    data: Annotated[Path, typer.Option(help="Folder of the corpus (corpus `folder`: the manifest).")],
    out: Out,
    pretrained: Annotated[
        Path | None, typer.Option(help="Run of pretrain-text or pretrain-care to start from.")
    ] = None,
    teacher: Annotated[
        list[Path] | None,
        typer.Option(help="text: run of Stage I to distil, of any encoder; several are averaged."),
    ] = None,
    transcripts: Annotated[
        Path | None, typer.Option(help="text: words of `merits-train transcribe` instead of the corpus' own.")
    ] = None,
    features: Annotated[
        str | None,
        typer.Option(help="speech: prepared features by name, e.g. gemaps47; audio73+text100 takes both."),
    ] = None,
    fold: Annotated[int | None, typer.Option(help="Cross-validation: which part is the test split.")] = None,
    folds: Annotated[
        bool, typer.Option("--folds", help="ravdess: all of its folds, one after the other.")
    ] = False,
    base: Annotated[
        str | None,
        typer.Option(help="text: the encoder to start from, a folder or a hub name such as roberta-large."),
    ] = None,
    seed: Seed = None,
    epochs: Epochs = None,
    learning_rate: LearningRate = None,
    preset: Preset = "small",
    config: Config = None,
    changes: Set = None,
) -> None:
    """Stage I: single utterances. Words: fine-tune the text encoder. Sound: a small network on CARE."""
    from offline_train.kinds import expect
    from offline_train.run import Run
    from offline_train.source import Source

    source = Source(corpus, data, features, fold, transcripts)
    flags: dict[str, object] = {"fit.seed": seed, "fit.epochs": epochs, "fit.learning_rate": learning_rate}
    parents: dict[str, Path | list[Path]] = {"pretrained": pretrained} if pretrained else {}
    started = Run(pretrained) if pretrained else None
    for needed in [pretrained, *(teacher or [])]:
        if needed is not None and not Run(needed).finished:
            raise UsageError(f"{needed} is no finished run; give its own line again first")
    if modality is Modality.TEXT:
        if folds:
            raise UsageError("--folds is for --modality speech of corpus ravdess")
        from offline_train.stage1_text import TextStageSettings, train_text

        flags["base"] = base
        if teacher:
            parents["teachers"] = teacher
        teachers = [expect(Run(each), "text1") for each in teacher or []]
        chosen = settings_from(TextStageSettings, "stage1-text", preset, config, changes, flags)
        read = _read(source)
        run = open_run(out, chosen, corpus=source, parents=parents)
        if not run.finished:
            train_text(read, chosen, run, started, teachers)
        return report(run)
    if teacher:
        raise UsageError("--teacher is for --modality text")
    if base is not None:
        raise UsageError("--base is for --modality text; the sound's encoder is set by --set care.kind=wavlm")
    if folds:
        if corpus != "ravdess":
            raise UsageError("--folds is for corpus ravdess; other corpora: --fold K, one run each")
        from offline_train.stage1_speech import SpeechStageSettings, cross_validate

        speech = settings_from(SpeechStageSettings, "stage1-speech", preset, config, changes, flags)
        run = open_run(out, speech, corpus=source, parents=parents)
        if not run.finished:
            cross_validate(source, speech, run, started)
        for split in ("validation", "test"):
            print(f"{split}: weighted F1 {run.metrics[split]['mean']:.2f} ± {run.metrics[split]['std']:.2f}")
        return None
    read = _read(source)
    if any(u.speech is not None for part in read.splits.values() for c in part for u in c.utterances):
        from offline_train.stage1_features import FeatureStageSettings, train_features

        prepared = settings_from(FeatureStageSettings, "stage1-features", preset, config, changes, flags)
        run = open_run(out, prepared, corpus=source, parents={})
        if not run.finished:
            train_features(read, prepared, run)
        return report(run)
    from offline_train.stage1_speech import SpeechStageSettings, train_speech

    heard = settings_from(SpeechStageSettings, "stage1-speech", preset, config, changes, flags)
    run = open_run(out, heard, corpus=source, parents=parents)
    if not run.finished:
        train_speech(read, heard, run, started)
    return report(run)


def _read(source: "Source") -> "Corpus":
    corpus = source.read()
    if len(corpus.labels) == 1:
        raise UsageError(
            f"{corpus.name}: {corpus.labels[0]!r} is the only label: there is nothing to tell apart"
        )
    return corpus
