"""`merits-train stage1`, with a sub-command per modality."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer
from typer import Option

from docstring_options import documented
from offline_train.commands.old_spelling import formerly
from offline_train.commands.options import (
    CorpusOptions,
    Out,
    SettingsOptions,
    TextBase,
    Transcripts,
    open_run,
    report,
)
from offline_train.errors import UsageError

if TYPE_CHECKING:
    from offline_train.corpora.corpus import Corpus
    from offline_train.runs.run import Run
    from offline_train.runs.run_corpus import RunCorpus


stage1 = typer.Typer(
    cls=formerly("--modality", lambda value, given: "features" if "--features" in given else value),
    help="Stage I: classify single utterances by their words or their sound.",
    no_args_is_help=True,
)

Fold = Annotated[
    int | None,
    Option(
        help="Number of the cross-validation fold that is the test split: iemocap 1 to 5, clips from 0;"
        " voices: number of the corpus that is left out, from 0.  \\[default: the usual split]"
    ),
]


@dataclass(frozen=True)
class LearntFrom:
    """What the words are learnt from beside the corpus.

    Attributes:
        pretrained: Run of pretrain-text from whose weights to start.
        teacher: Run of `stage1 text`, of any encoder, to distil. May be repeated; several are averaged.
        annotations: File of emotions, as written by `merits-train annotate`, from which a part of every epoch
            is taken: half, unless `--set mix.share` says otherwise. May be repeated.
    """

    panel: ClassVar = "Beside the corpus"

    pretrained: Path | None = None
    teacher: list[Path] | None = None
    annotations: list[Path] | None = None


@stage1.command()
@documented
def text(
    where: CorpusOptions,
    out: Out,
    settings: SettingsOptions,
    beside: LearntFrom,
    base: TextBase = None,
    transcripts: Transcripts = None,
    fold: Fold = None,
) -> None:
    """Text: fine-tune the text encoder on single utterances.

    Examples:

    merits-train stage1 text --corpus meld --data MELD.Raw --pretrained runs/roberta-ft --out runs/text1

    merits-train stage1 text --corpus meld --data MELD.Raw --annotations dailydialog.jsonl --out runs/text1
    """
    from offline_train.runs.kinds import expect
    from offline_train.stages.stage1_text import TextStageSettings, train_text

    started = _finished(beside.pretrained) if beside.pretrained else None
    teachers = [expect(_finished(folder), "text1") for folder in beside.teacher or []]
    parents = {"pretrained": beside.pretrained, "teachers": beside.teacher}
    chosen = settings.resolve(TextStageSettings, "stage1-text", base=base)
    source = where.source(fold=fold, transcripts=transcripts)
    corpus = _read(source)
    more: dict[str, object] = {"annotations": beside.annotations} if beside.annotations else {}
    more["parents"] = {name: path for name, path in parents.items() if path}
    run = open_run(out, chosen, corpus=source, **more)
    if not run.finished:
        train_text(corpus, chosen, run, started, teachers, beside.annotations or ())
    report(run)


@stage1.command()
@documented
def speech(
    where: CorpusOptions,
    out: Out,
    settings: SettingsOptions,
    pretrained: Path | None = None,
    cache: Path | None = None,
    fold: Fold = None,
    folds: bool = False,
) -> None:
    """Speech: train a small network on CARE, from recordings.

    If the corpus has precomputed features instead, they are used, as by `stage1 features`.

    Examples:

    merits-train stage1 speech --corpus voices --data CORPORA --out runs/speech1

    merits-train stage1 speech --corpus ravdess --data RAVDESS --folds --out runs/folds

    Args:
        pretrained: Run of pretrain-care whose CARE to use.
        cache: Folder for embeddings of the recordings, which other runs find there. [default: in the run's,
            until it is finished]
        folds: Cross-validate: train on every fold of a corpus of clips, such as ravdess, in turn; for voices,
            leave each acted corpus out in turn.
    """
    from offline_train.corpora.registry import WITH_CLIPS, clip_folds
    from offline_train.stages.stage1_speech import SpeechStageSettings, cross_validate, train_speech

    if folds and where.corpus not in WITH_CLIPS:
        raise UsageError(f"--folds is for {', '.join(WITH_CLIPS)}; other corpora: --fold K, one run each")
    started = _finished(pretrained) if pretrained else None
    source = where.source(fold=fold)
    corpus = None if folds else _read(source)
    if corpus is not None and _has_features(corpus):
        return _train_on_features(corpus, source, out, settings)
    chosen = settings.resolve(SpeechStageSettings, "stage1-speech")
    run = open_run(out, chosen, corpus=source, parents={"pretrained": pretrained} if pretrained else {})
    if corpus is not None:
        if not run.finished:
            train_speech(corpus, chosen, run, started, cache)
        return report(run)
    if not run.finished:
        cross_validate(source, chosen, run, clip_folds(where.corpus, where.data), started, cache)
    for split in ("validation", "test"):
        print(f"{split}: weighted F1 {run.metrics[split]['mean']:.2f} ± {run.metrics[split]['std']:.2f}")
    return None


@stage1.command()
@documented
def features(
    where: CorpusOptions, out: Out, settings: SettingsOptions, features: str | None = None, fold: Fold = None
) -> None:
    """Speech features: train a small network on precomputed features.

    Example:

    merits-train stage1 features --corpus iemocap --data IEMOCAP --features gemaps47@session --out runs/s1

    Args:
        features: Names of the features, such as gemaps47; audio73+text100 concatenates two. [default:
            gemaps47 of iemocap, audio73 of mosi]
    """
    source = where.source(features, fold)
    corpus = _read(source)
    if not _has_features(corpus):
        raise UsageError(f"{where.corpus} in {where.data} has no prepared features: `stage1 speech` hears it")
    _train_on_features(corpus, source, out, settings)


def _train_on_features(corpus: "Corpus", source: "RunCorpus", out: Path, settings: SettingsOptions) -> None:
    from offline_train.stages.stage1_features import FeatureStageSettings, train_features

    chosen = settings.resolve(FeatureStageSettings, "stage1-features")
    run = open_run(out, chosen, corpus=source, parents={})
    if not run.finished:
        train_features(corpus, chosen, run)
    report(run)


def _has_features(corpus: "Corpus") -> bool:
    return any(utterance.speech is not None for _, _, utterance in corpus.utterances())


def _finished(folder: Path) -> "Run":
    from offline_train.runs.run import Run

    run = Run(folder)
    if not run.finished:
        raise UsageError(f"{folder} is no finished run; give its own line again first")
    return run


def _read(source: "RunCorpus") -> "Corpus":
    corpus = source.read()
    if len(corpus.labels) == 1:
        raise UsageError(
            f"{corpus.name}: {corpus.labels[0]!r} is the only label: there is nothing to tell apart"
        )
    return corpus
