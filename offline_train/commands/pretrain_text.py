"""`merits-train pretrain-text`."""

from pathlib import Path

from docstring_options import documented
from offline_train.commands.options import Out, SettingsOptions, TextBase, open_run


@documented
def pretrain_text(
    annotations: list[Path],
    out: Out,
    settings: SettingsOptions,
    base: TextBase = None,
    pretrained: Path | None = None,
) -> None:
    """RoBERTa-FT: fine-tune the text encoder on pseudo-labels.

    Example:

    merits-train pretrain-text --annotations sst.jsonl --annotations goemotions.jsonl --out runs/roberta-ft

    Args:
        annotations: File of annotations, as written by `merits-train annotate`. May be repeated.
        pretrained: Earlier run of pretrain-text, of the same encoder, from whose weights to start.
    """
    from offline_train.runs.run import Run
    from offline_train.stages.pretrain_text import PretrainTextSettings
    from offline_train.stages.pretrain_text import pretrain_text as train

    chosen = settings.resolve(PretrainTextSettings, "pretrain-text", base=base)
    parents = {"pretrained": pretrained} if pretrained else {}
    run = open_run(out, chosen, annotations=annotations, parents=parents)
    if not run.finished:
        train(annotations, chosen, run, Run(pretrained) if pretrained else None)
    for name, metrics in run.metrics["validation"].items():
        print(f"{name}: weighted F1 {metrics['weighted_f1']:.2f} on held out texts")
