"""`merits-train evaluate`."""

import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from models.files import write_whole
from offline_train.commands.options import command_line
from offline_train.corpora.corpus import Split
from offline_train.errors import UsageError

if TYPE_CHECKING:
    from offline_train.source import Source
    from offline_train.subject import Subject

_STANDARD_OUTPUT = Path("-")


def evaluate(
    bundle: Annotated[
        Path | None, typer.Option(help="Folder or name of a bundle.", rich_help_panel="What is judged")
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(help="Or a finished run of stage1, stage2 or stage3.", rich_help_panel="What is judged"),
    ] = None,
    corpus: Annotated[
        str | None,
        typer.Option(
            help="Name of a corpus.  \\[default: the run's own]", rich_help_panel="What it is judged on"
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the corpus (corpus `folder`: the manifest).  \\[default: the run's own]",
            rich_help_panel="What it is judged on",
        ),
    ] = None,
    split: Annotated[
        Split, typer.Option(help="Which part.", rich_help_panel="What it is judged on")
    ] = "test",
    fold: Annotated[
        int | None, typer.Option(help="Of a cross-validated corpus.", rich_help_panel="What it is judged on")
    ] = None,
    features: Annotated[
        str | None,
        typer.Option(
            help="Prepared speech features by name, of a corpus that has several.",
            rich_help_panel="What it is judged on",
        ),
    ] = None,
    transcripts: Annotated[
        Path | None,
        typer.Option(
            help="Words of `merits-train transcribe` instead of the corpus' own.",
            rich_help_panel="What it is judged on",
        ),
    ] = None,
    window: Annotated[
        int | None,
        typer.Option(min=1, help="Turns of context as streamed.  \\[default: the bundle's own, 32 of a run]"),
    ] = None,
    json_out: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help='Metrics as JSON; "-" for standard output.')
    ] = None,
    predictions: Annotated[
        Path | None, typer.Option(help="CSV: dialogue, utterance, label, predicted, first_emission.")
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="SVG: confusion matrix, F1 by emotion, reliability, F1 as streamed."
        ),
    ] = None,
) -> None:
    """Judge a bundle or a run: stage by stage, offline, as streamed, and how honest its confidence is.

    Weighted F1 with the whole conversation in view, at first emission, after 1, 2 and 4 more turns, and
    through windows of 4, 8, 16 and 32 turns. The temperature is fitted on the corpus' validation split.
    """
    if (bundle is None) == (run is None):
        raise UsageError("give what to judge: --bundle or --run, one of them")
    if bundle is not None and (corpus is None or data is None):
        raise UsageError("a bundle is judged on a corpus: give --corpus and --data")
    for path in (json_out, predictions, pictures):
        if path not in (None, _STANDARD_OUTPUT) and not path.absolute().parent.is_dir():
            raise UsageError(f"cannot write {path}: there is no folder {path.parent}")
    if pictures is not None and pictures.exists() and not pictures.is_dir():
        raise UsageError(f"cannot write pictures into {pictures}: it is a file")

    from offline_train.evaluate import evaluate as judge
    from offline_train.evaluate import scored_part, temperature_on, write_predictions

    subject, source = _of_bundle(bundle, corpus, data) if bundle else _of_run(run, corpus, data)
    given: dict[str, Any] = {"fold": fold, "features": features, "transcripts": transcripts}
    source = replace(source, **{name: value for name, value in given.items() if value is not None})
    read = source.read()
    conversations = scored_part(read, split, subject)
    temperature = temperature_on(subject, read.splits["validation"])
    found, rows = judge(subject, conversations, window or subject.window, temperature)
    what = {"bundle": subject.name} if bundle else {"run": subject.name}
    report = {"command": command_line(), "corpus": source.corpus, "split": split, **what, **found}
    if predictions is not None:
        write_predictions(predictions, rows)
    if pictures is not None:
        from offline_train.pictures import draw

        draw(report, pictures)
    text = json.dumps(report, indent=2)
    if json_out == _STANDARD_OUTPUT:
        print(text)
        return
    if json_out is not None:
        write_whole(json_out, text + "\n")
    _show(report)
    if temperature is None:
        print(f"{source.corpus} has no labelled validation split to fit a temperature on", file=sys.stderr)


def _of_bundle(bundle: Path, corpus: str | None, data: Path | None) -> "tuple[Subject, Source]":
    from models.bundle import load_bundle
    from offline_train.source import Source
    from offline_train.subject import bundle_subject

    assert corpus is not None
    assert data is not None
    return bundle_subject(load_bundle(bundle)), Source(corpus, data)


def _of_run(folder: Path | None, corpus: str | None, data: Path | None) -> "tuple[Subject, Source]":
    from offline_train.run import Run
    from offline_train.source import Source
    from offline_train.subject import run_subject, source_of_run

    assert folder is not None
    run = Run(folder)
    subject, source = run_subject(run), source_of_run(run)
    if corpus is not None and corpus != source.corpus:
        if data is None:
            raise UsageError(f"{folder} was made on {source.corpus}: give --data too for --corpus {corpus}")
        return subject, Source(corpus, data)
    return subject, source if data is None else replace(source, data=data)


def _show(report: Mapping[str, Any]) -> None:
    print(
        f"{report['utterances']} utterances of {report['corpus']},"
        f" judged by {' and '.join(report['modalities'])}"
    )
    for modality in ("text", "speech"):
        for stage, name in (("stage1", "Stage I"), ("stage2", "Stage II")):
            if f"{modality}_{stage}" in report:
                print(f"{name} {modality}: weighted F1 {report[f'{modality}_{stage}']['weighted_f1']:.2f}")
    if "bundle_offline" in report:
        print(
            f"offline: weighted F1 {report['bundle_offline']['weighted_f1']:.2f}"
            f"  first emission: weighted F1 {report['bundle_first_emission']['weighted_f1']:.2f}"
            f"  streaming gap {report['streaming_gap']:.2f}"
        )
        ahead = "  ".join(f"{turns} turns {f1:.2f}" for turns, f1 in report["look_ahead"].items())
        print(f"with look-ahead: {ahead}")
        sizes = "  ".join(
            f"{size} turns {each['first_emission']:.2f} ({each['final']:.2f})"
            for size, each in report["windows"].items()
        )
        print(f"through windows, first emission (last said): {sizes}")
    found = report["calibration"]
    line = f"expected calibration error {found['ece']:.2f}"
    if found["temperature"] is not None:
        line += f", {found['ece_calibrated']:.2f} with temperature {found['temperature']:.3f}"
    print(line)
