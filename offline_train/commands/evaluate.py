"""`merits-train evaluate`."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from typer import Option

from docstring_options import documented
from offline_train.commands.options import (
    CORPUS,
    FOLDER,
    STANDARD_OUTPUT,
    JsonOut,
    check_writable,
    command_line,
    write_report,
)
from offline_train.corpora.corpus import Split
from offline_train.errors import UsageError

if TYPE_CHECKING:
    from offline_train.evaluation.target import EvaluationTarget
    from offline_train.runs.run_corpus import RunCorpus


@dataclass(frozen=True)
class EvaluationData:
    """The data of the evaluation.

    Attributes:
        split: Split to evaluate on.
        fold: Number of the cross-validation fold that is the test split. [default: the run's, else the
            usual split]
        features: Names of precomputed speech features, such as gemaps47. [default: the run's, else the
            corpus' first]
        transcripts: Output of `merits-train transcribe` with words to use instead of the corpus' own.
            [default: the run's]
        clips: Folder of corpus `voices`, whose actors speak dialogues that have no sound of their own.
            [default: the run's]
    """

    panel: ClassVar = "Evaluation data"

    corpus: Annotated[str | None, Option(help=CORPUS + "  \\[default: the run's]")] = None
    data: Annotated[Path | None, Option(help=f"{FOLDER}  \\[default: the run's]")] = None
    split: Split = "test"
    fold: int | None = None
    features: str | None = None
    transcripts: Path | None = None
    clips: Path | None = None


@documented
def evaluate(
    on: EvaluationData,
    bundle: Path | None = None,
    run: Path | None = None,
    window: Annotated[int | None, Option(min=1)] = None,
    json_out: JsonOut = None,
    predictions: Path | None = None,
    pictures: Annotated[Path | None, Option(metavar="FOLDER")] = None,
) -> None:
    """Evaluate a bundle or a run: by stage, offline, as streamed, and its calibration.

    Weighted F1 with the whole conversation known, at first emission, after 1, 2 and 4 more turns, and with
    windows of 4, 8, 16 and 32 turns. The temperature is fitted on the corpus' validation split. On a corpus
    with other labels, the emotions in common are judged (docs/training.md has the table).

    Examples:

    merits-train evaluate --run runs/fused --json report.json --pictures pictures

    merits-train evaluate --bundle meld-small --corpus meld --data MELD.Raw

    Args:
        bundle: Folder or name of the bundle to evaluate.
        run: Finished run of stage1, stage2 or stage3 to evaluate.
        window: Number of turns kept as context while streaming. [default: the bundle's; 32 for a run]
        predictions: CSV file of the predictions: dialogue, utterance, label, predicted, first_emission.
        pictures: Folder of SVG figures: confusion matrix, F1 by emotion, calibration, F1 as streamed.
    """
    if (bundle is None) == (run is None):
        raise UsageError("give what to judge: --bundle or --run, one of them")
    for path in (json_out, predictions):
        check_writable(path)
    if pictures is not None and pictures.exists() and not pictures.is_dir():
        raise UsageError(f"cannot write pictures into {pictures}: it is a file")
    if pictures is not None and not pictures.absolute().parent.is_dir():
        raise UsageError(f"cannot write {pictures}: there is no folder {pictures.parent}")

    from offline_train.evaluation.evaluate import evaluate as judge
    from offline_train.evaluation.evaluate import scored_part, temperature_on, write_predictions
    from offline_train.evaluation.in_common import in_common, left_out

    target, source = _of_run(run, on) if run else _of_bundle(str(bundle), on)
    given: dict[str, Any] = {"fold": on.fold, "features": on.features, "transcripts": on.transcripts}
    source = replace(source, **{name: value for name, value in given.items() if value is not None})
    whole = source.read()
    read, target = in_common(whole, target)
    conversations = scored_part(read, on.split, target)
    temperature = temperature_on(target, read.splits["validation"])
    found, rows = judge(target, conversations, on.split, window or target.window, temperature)
    what: dict[str, Any] = {"bundle" if bundle else "run": target.name}
    if read is not whole:
        what |= {"labels": target.labels, "left_out": left_out(whole, read, on.split)}
    report = {"command": command_line(), "corpus": source.corpus, "split": on.split, **what, **found}
    if predictions is not None:
        write_predictions(predictions, rows)
    if pictures is not None:
        from offline_train.evaluation.figures import draw

        draw(report, pictures)
    write_report(json_out, report)
    if json_out == STANDARD_OUTPUT:
        return
    _show(report)
    if temperature is None:
        print(f"{source.corpus} has no labelled validation split to fit a temperature on", file=sys.stderr)


def _of_bundle(bundle: str, on: EvaluationData) -> "tuple[EvaluationTarget, RunCorpus]":
    from models.bundle import load_bundle
    from offline_train.evaluation.target import bundle_target
    from offline_train.runs.run_corpus import RunCorpus

    if on.corpus is None or on.data is None:
        raise UsageError("a bundle is judged on a corpus: give --corpus and --data")
    return bundle_target(load_bundle(bundle), on.clips), RunCorpus(on.corpus, on.data)


def _of_run(folder: Path, on: EvaluationData) -> "tuple[EvaluationTarget, RunCorpus]":
    from offline_train.evaluation.target import corpus_of_run, run_target
    from offline_train.runs.run import Run
    from offline_train.runs.run_corpus import RunCorpus

    run = Run(folder)
    target, source = run_target(run, on.clips), corpus_of_run(run)
    if on.corpus is None or on.corpus == source.corpus:
        return target, source if on.data is None else replace(source, data=on.data)
    if on.data is None:
        raise UsageError(f"{folder} was made on {source.corpus}: give --data too for --corpus {on.corpus}")
    return target, RunCorpus(on.corpus, on.data)


def _show(report: Mapping[str, Any]) -> None:
    print(
        f"{report['utterances']} utterances of {report['corpus']},"
        f" judged by {' and '.join(report['modalities'])}"
    )
    if "labels" in report:
        print(f"over {', '.join(report['labels'])}; {report['left_out']} of other emotions left out")
    for modality in ("text", "speech"):
        for stage, name in (("stage1", "Stage I"), ("stage2", "Stage II")):
            if f"{modality}_{stage}" in report:
                scores = report[f"{modality}_{stage}"]
                more = f"  macro F1 {scores['macro_f1']:.2f}" if "labels" in report else ""
                print(f"{name} {modality}: weighted F1 {scores['weighted_f1']:.2f}{more}")
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
