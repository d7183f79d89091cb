"""`merits-train stage3`."""

from pathlib import Path
from typing import Annotated

import typer

from offline_train.commands.options import (
    Config,
    Data,
    Epochs,
    LearningRate,
    Out,
    Preset,
    Seed,
    Set,
    open_run,
    settings_from,
)
from offline_train.commands.stage2 import Clips
from offline_train.errors import UsageError


def stage3(
    text: Annotated[Path, typer.Option(help="Run of Stage II of the words.")],
    speech: Annotated[Path, typer.Option(help="Run of Stage II of the sound.")],
    out: Out,
    data: Data = None,
    clips: Clips = None,
    joint: Annotated[
        bool, typer.Option("--joint", help="Train Stages II anew together with Stage III, to compare.")
    ] = False,
    seed: Seed = None,
    epochs: Epochs = None,
    learning_rate: LearningRate = None,
    preset: Preset = "small",
    config: Config = None,
    changes: Set = None,
) -> None:
    """Stage III: co-attention fuses words and sound."""
    from dataclasses import replace

    from offline_train.embeddings import embed_corpus, load_context
    from offline_train.kinds import expect
    from offline_train.run import Run
    from offline_train.source import parent, source_of
    from offline_train.stage3 import FusionStageSettings, train_fusion

    flags = {
        "fit.seed": seed,
        "fit.epochs": epochs,
        "fit.learning_rate": learning_rate,
        "joint": True if joint else None,
    }
    chosen = settings_from(FusionStageSettings, "stage3", preset, config, changes, flags)
    words, sound = expect(Run(text), "text2"), expect(Run(speech), "speech2")
    source = source_of(words)
    if data is not None:
        source = replace(source, data=data)
    heard = source_of(sound)
    if clips is None and heard.corpus != source.corpus:
        raise UsageError(
            f"--text is of {source.corpus}, --speech of {heard.corpus}; a fusion needs one corpus"
        )
    if clips is None and sound.settings.get("clips"):
        raise UsageError("the sound of --speech was paired in: name the folder of its clips with --clips")
    corpus = replace(source, features=heard.features).read()
    run = open_run(out, chosen, corpus=source, parents={"text": text, "speech": speech}, clips=clips)
    if not run.finished:
        if clips is not None:
            from offline_train.stage3_meld import train_on_pairs

            train_on_pairs(words, sound, corpus, clips, chosen, run)
        else:
            both = embed_corpus(corpus, parent(words, "stage1"), parent(sound, "stage1"))
            train_fusion(load_context(words), load_context(sound), both, corpus.labels, chosen, run)
    metrics = run.metrics
    for split in ("validation", "test"):
        if split in metrics:
            scores = "  ".join(f"{kind} {m['weighted_f1']:.2f}" for kind, m in metrics[split].items())
            print(f"{split}: weighted F1 {scores}".replace("_", " "))
