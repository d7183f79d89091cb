"""`merits-train evaluate`."""

from pathlib import Path
from typing import Annotated

import typer

from offline_train.commands.options import command_line
from offline_train.corpora.corpus import Split
from offline_train.errors import UsageError


def evaluate(
    bundle: Annotated[Path, typer.Option(help="Folder or name of the bundle.")],
    corpus: Annotated[str, typer.Option(help="What to judge.")],
    data: Annotated[Path, typer.Option(help="Folder of the corpus.")],
    split: Annotated[Split, typer.Option(help="Which part.")] = "test",
    json_out: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help='Metrics as JSON; "-" for standard output.')
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(help="CSV: dialogue, utterance, label, predicted, first_emission."),
    ] = None,
    window: Annotated[
        int | None, typer.Option(help="Turns of context as streamed; the bundle's own if unset.")
    ] = None,
) -> None:
    """Judge a bundle: stage by stage, offline and as streamed."""
    import json

    from models.bundle import load_bundle
    from offline_train.corpora.meld import read_meld
    from offline_train.evaluate import evaluate as judge
    from offline_train.evaluate import write_predictions

    if corpus != "meld":
        raise UsageError(f"{corpus} has no conversations; bundles are judged on meld")
    conversations = read_meld(data, split)
    for path in (predictions, Path(json_out) if json_out not in (None, "-") else None):
        if path is not None and not path.absolute().parent.is_dir():
            raise UsageError(f"cannot write {path}: there is no folder {path.parent}")
    loaded = load_bundle(bundle)
    report, rows = judge(loaded, conversations, window or loaded.manifest.window)
    report = {"command": command_line(), "corpus": corpus, "split": split, **report}
    if predictions is not None:
        write_predictions(predictions, rows)
    text = json.dumps(report, indent=2)
    if json_out == "-":
        print(text)
        return
    if json_out is not None:
        Path(json_out).write_text(text + "\n", encoding="utf-8")
    _report("offline", report["bundle_offline"], "first emission", report["bundle_first_emission"])
