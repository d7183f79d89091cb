"""The command line, `merits-train`: one line a stage. What is heavy is imported where it is needed."""

import shlex
import sys
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from models.errors import BaseEncoderError, BundleError
from offline_train.corpora.errors import CorpusError
from offline_train.errors import RunError, UsageError

app = typer.Typer(
    name="merits-train",
    help="Train MERITS-L in its three stages. A command that was killed goes on where it was.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


class Modality(StrEnum):
    """Which of the two."""

    TEXT = "text"
    SPEECH = "speech"


class Corpus(StrEnum):
    """Corpora that can be read."""

    MELD = "meld"
    RAVDESS = "ravdess"


class Split(StrEnum):
    """Parts of a corpus."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


Out = Annotated[Path, typer.Option(help="Folder of the run.")]
Seed = Annotated[int, typer.Option(help="Of everything random.")]
Meld = Annotated[Path, typer.Option("--data", help="Folder with MELD's CSV files.")]
Clips = Annotated[
    Path | None, typer.Option(help="Folder with RAVDESS' clips, which give the dialogues sound.")
]


@app.command()
def stage1(
    modality: Annotated[Modality, typer.Option(help="What to train on.")],
    corpus: Annotated[Corpus, typer.Option(help="text: meld; speech: ravdess.")],
    data: Annotated[Path, typer.Option(help="Folder of the corpus.")],
    out: Out,
    seed: Seed = 1,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training split.")] = None,
    base: Annotated[
        str | None,
        typer.Option(help="text: the encoder to start from, a folder or a hub name such as roberta-large."),
    ] = None,
    learning_rate: Annotated[float | None, typer.Option(help="text: its peak.")] = None,
    folds: Annotated[
        bool,
        typer.Option("--folds", help="speech: cross-validate over actors instead of training one model."),
    ] = False,
) -> None:
    """Stage I: single utterances. Words: fine-tune the text encoder. Sound: CARE and a small network."""
    match modality, corpus:
        case Modality.TEXT, Corpus.MELD:
            from offline_train.corpora.meld import LABELS, read_meld
            from offline_train.stage1_text import TextStageSettings, train_text

            chosen = replace(
                TextStageSettings(seed=seed),
                **_given(epochs=epochs, base=base, learning_rate=learning_rate),
            )
            run = _open(out, chosen)
            if not run.finished:
                train_text({split: read_meld(data, split.value) for split in Split}, LABELS, chosen, run)
            _report("validation", run.metrics["validation"], "test", run.metrics["test"])
        case Modality.SPEECH, Corpus.RAVDESS:
            from offline_train.stage1_speech import run_stage1_speech

            run_stage1_speech(data, out, folds=folds, command=_command(), seed=seed, **_given(epochs=epochs))
        case _:
            raise UsageError(f"Stage I of {modality.value} can't be trained on {corpus.value}")


@app.command()
def stage2(
    modality: Annotated[Modality, typer.Option(help="What to train on.")],
    stage1: Annotated[Path, typer.Option(help="Run of Stage I of that modality.")],
    data: Meld,
    out: Out,
    clips: Clips = None,
    seed: Seed = 1,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training dialogues, at most.")] = None,
) -> None:
    """Stage II: one modality in the context of the dialogue (Bi-GRU and self-attention)."""
    from offline_train import dialogues
    from offline_train.corpora.meld import LABELS
    from offline_train.run import Run
    from offline_train.stage2 import ContextStageSettings, train_context

    if modality is Modality.SPEECH and clips is None:
        raise UsageError("MELD has no sound here: name the folder of RAVDESS' clips with --clips")
    chosen = replace(ContextStageSettings(seed=seed), **_given(epochs=epochs))
    run = _open(out, chosen, parents={"stage1": stage1})
    if not run.finished:
        if modality is Modality.TEXT:
            train_context("text", dialogues.embed_dialogues(Run(stage1), data), LABELS, chosen, run)
        else:
            assert clips is not None
            speech = dialogues.embed_speech(Run(stage1), clips)
            words = dialogues.read_labels(data)
            shown = dialogues.Mismatching(speech["train"].pool, dialogues.speech_trust(speech))
            train_context("speech", dialogues.paired(words, speech), LABELS, chosen, run, shown)
    _report("validation", run.metrics["validation"], "test", run.metrics["test"])


@app.command()
def stage3(
    text: Annotated[Path, typer.Option(help="Run of Stage II of the words.")],
    speech: Annotated[Path, typer.Option(help="Run of Stage II of the sound.")],
    data: Meld,
    clips: Annotated[Path, typer.Option(help="Folder with RAVDESS' clips, which give the dialogues sound.")],
    out: Out,
    seed: Seed = 1,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training dialogues, at most.")] = None,
) -> None:
    """Stage III: co-attention fuses words and sound."""
    from offline_train.run import Run
    from offline_train.stage3 import FusionStageSettings
    from offline_train.stage3_meld import train_on_pairs

    chosen = replace(FusionStageSettings(seed=seed), **_given(epochs=epochs))
    run = _open(out, chosen, parents={"text": text, "speech": speech})
    if not run.finished:
        train_on_pairs(Run(text), Run(speech), data, clips, chosen, run)
    test = run.metrics["test"]
    _report("test, words alone", test["words_alone"], "test, with sound", test["with_sound"])


@app.command()
def export(
    fusion: Annotated[Path, typer.Option(help="Run of Stage III.")],
    name: Annotated[str, typer.Option(help="The bundle's name.")],
    data: Meld,
    out: Annotated[Path, typer.Option(help="Folder of the bundle.")],
    version: Annotated[int, typer.Option(help="The bundle's version.")] = 1,
    folds: Annotated[Path | None, typer.Option(help="Run of `stage1 --folds`, for the model card.")] = None,
) -> None:
    """Make a bundle of a finished hierarchy, with its model card."""
    from offline_train.export import export_bundle

    size = export_bundle(fusion, name, version, data, out, folds, _command())
    print(f"{out}: {size / 1e6:.1f} MB")


@app.command()
def evaluate(
    bundle: Annotated[Path, typer.Option(help="Folder or name of the bundle.")],
    corpus: Annotated[Corpus, typer.Option(help="What to judge.")],
    data: Annotated[Path, typer.Option(help="Folder of the corpus.")],
    split: Annotated[Split, typer.Option(help="Which part.")] = Split.TEST,
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

    if corpus is not Corpus.MELD:
        raise UsageError(f"{corpus.value} has no conversations; bundles are judged on meld")
    conversations = read_meld(data, split.value)
    for path in (predictions, Path(json_out) if json_out not in (None, "-") else None):
        if path is not None and not path.absolute().parent.is_dir():
            raise UsageError(f"cannot write {path}: there is no folder {path.parent}")
    loaded = load_bundle(bundle)
    report, rows = judge(loaded, conversations, window or loaded.manifest.window)
    report = {"command": _command(), "corpus": corpus.value, "split": split.value, **report}
    if predictions is not None:
        write_predictions(predictions, rows)
    text = json.dumps(report, indent=2)
    if json_out == "-":
        print(text)
        return
    if json_out is not None:
        Path(json_out).write_text(text + "\n", encoding="utf-8")
    _report("offline", report["bundle_offline"], "first emission", report["bundle_first_emission"])


def main() -> None:
    """Run the command line. Exit codes: 2 bad usage or input, 130 Ctrl-C."""
    try:
        code = app(standalone_mode=False)
    except typer.TyperException as error:
        code = _complain(error.format_message())
    except (UsageError, CorpusError, RunError, BundleError, BaseEncoderError) as error:
        code = _complain(str(error))
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    sys.exit(code)


def _given(**flags: Any) -> dict[str, Any]:
    return {name: value for name, value in flags.items() if value is not None}


def _complain(message: str) -> int:
    print("merits-train:", " ".join(message.split()), file=sys.stderr)
    return 2


def _command() -> str:
    return shlex.join(["merits-train", *sys.argv[1:]])


def _open(out: Path, settings: object, parents: dict[str, Path] | None = None) -> Any:
    from offline_train.run import Run

    return Run.open(out, {"settings": settings, "parents": parents or {}}, command=_command())


def _report(*pairs: Any) -> None:
    print(
        "  ".join(
            f"{name}: weighted F1 {m['weighted_f1']:.2f}"
            for name, m in zip(pairs[::2], pairs[1::2], strict=True)
        )
    )
