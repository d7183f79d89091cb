"""`merits-train pretrain-text`."""

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


def pretrain_text(
    annotations: Annotated[
        list[Path],
        typer.Option(help="Annotated texts, as `annotate` writes them; may be given several times."),
    ],
    out: Out,
    base: Annotated[
        str | None,
        typer.Option(help="The encoder to start from, a folder or a hub name such as roberta-large."),
    ] = None,
    pretrained: Annotated[
        Path | None, typer.Option(help="An earlier run of pretrain-text to go on from, of the same encoder.")
    ] = None,
    seed: Seed = None,
    epochs: Epochs = None,
    learning_rate: LearningRate = None,
    preset: Preset = "small",
    config: Config = None,
    changes: Set = None,
) -> None:
    """RoBERTa-FT: fine-tune the text encoder on pseudo-labels, before any corpus is seen."""
    from offline_train.pretrain_text import PretrainTextSettings
    from offline_train.pretrain_text import pretrain_text as train
    from offline_train.run import Run

    flags = {"base": base, "fit.seed": seed, "fit.epochs": epochs, "fit.learning_rate": learning_rate}
    chosen = settings_from(PretrainTextSettings, "pretrain-text", preset, config, changes, flags)
    parents = {"pretrained": pretrained} if pretrained else {}
    run = open_run(out, chosen, annotations=annotations, parents=parents)
    if not run.finished:
        train(annotations, chosen, run, Run(pretrained) if pretrained else None)
    for name, metrics in run.metrics["validation"].items():
        print(f"{name}: weighted F1 {metrics['weighted_f1']:.2f} on held out texts")
