"""`merits-train stage2`, with a sub-command per modality."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from docstring_options import documented
from offline_train.commands.old_spelling import formerly
from offline_train.commands.options import Clips, Data, Out, SettingsOptions, open_run, report
from offline_train.errors import UsageError

if TYPE_CHECKING:
    from offline_train.runs.run import Run
    from offline_train.runs.run_corpus import RunCorpus


stage2 = typer.Typer(
    cls=formerly("--modality"),
    help="Stage II: one modality in the context of the conversation, with a Bi-GRU and self-attention.",
    no_args_is_help=True,
)


@stage2.command()
@documented
def text(
    stage1: Path, out: Out, settings: SettingsOptions, data: Data = None, teacher: list[Path] | None = None
) -> None:
    """Text: words in context.

    Example:

    merits-train stage2 text --stage1 runs/text1 --out runs/text2

    Args:
        stage1: Run of `stage1 text` whose embeddings to use.
        teacher: Run of `stage2 text`, on any Stage I, to distil. May be repeated; several are averaged.
    """
    from offline_train.embeddings.corpus import embed_corpus
    from offline_train.runs.kinds import expect
    from offline_train.runs.networks import load_context
    from offline_train.runs.run import Run
    from offline_train.runs.run_corpus import parent
    from offline_train.stages.stage2 import ContextStageSettings, train_context, with_teachers

    chosen = settings.resolve(ContextStageSettings, "stage2")
    first = expect(Run(stage1), "text1")
    source = _source(first, data)
    corpus = source.read()
    parents: dict[str, Path | list[Path]] = {"stage1": stage1}
    if teacher:
        parents["teachers"] = teacher
    teachers = [expect(Run(folder), "text2") for folder in teacher or []]
    run = open_run(out, chosen, corpus=source, parents=parents, clips=None)
    if not run.finished:
        words = embed_corpus(corpus, first, None)
        if teachers:
            shown = [embed_corpus(corpus, parent(each, "stage1"), None)["train"] for each in teachers]
            words = with_teachers(words, list(zip(map(load_context, teachers), shown, strict=True)))
        train_context("text", words, corpus.labels, chosen, run)
    report(run)


@stage2.command()
@documented
def speech(stage1: Path, out: Out, settings: SettingsOptions, data: Data = None, clips: Clips = None) -> None:
    """Speech: sound in context.

    By --clips and --data, actors speak MELD's dialogues: each turn by the clip that sounds most like it.

    Examples:

    merits-train stage2 speech --stage1 runs/speech1 --out runs/speech2

    merits-train stage2 speech --stage1 runs/voices --data MELD.Raw --clips VOICES --out runs/speech2

    Args:
        stage1: Run of `stage1 speech` or `stage1 features` whose embeddings to use.
    """
    from offline_train.embeddings.corpus import embed_corpus
    from offline_train.pairing.spoken_corpus import SpokenCorpus
    from offline_train.runs.kinds import expect
    from offline_train.runs.networks import load_speech_encoder
    from offline_train.runs.run import Run
    from offline_train.runs.run_corpus import RunCorpus
    from offline_train.stages.stage2 import ContextStageSettings, train_context

    chosen = settings.resolve(ContextStageSettings, "stage2")
    first = expect(Run(stage1), "speech1")
    if clips is None:
        source = _source(first, data)
    elif data is None:
        raise UsageError("--clips needs --data, naming MELD's folder")
    else:
        source = RunCorpus("meld", data)
    corpus = source.read()
    run = open_run(out, chosen, corpus=source, parents={"stage1": stage1}, clips=clips)
    if run.finished:
        return report(run)
    if clips is None:
        head = load_speech_encoder(first)[1].head
        train_context("speech", embed_corpus(corpus, None, first), corpus.labels, chosen, run, stage1=head)
    else:
        heard = SpokenCorpus.of(corpus, None, first, clips)
        train_context(
            "speech",
            heard.pairs(),
            corpus.labels,
            chosen,
            run,
            lambda generator: heard.epoch(chosen.pairing, generator),
            heard.acted(),
            heard.speech.head,
        )
    return report(run)


def _source(first: "Run", data: Path | None) -> "RunCorpus":
    """The corpus of Stage I, in another folder if given."""
    from offline_train.corpora.registry import CLIPS
    from offline_train.runs.run_corpus import corpus_of

    source = corpus_of(first)
    if source.corpus in (*CLIPS, "voices"):
        raise UsageError(
            f"{source.corpus} has no conversations: let it speak MELD's, with --data MELD --clips VOICES"
        )
    return replace(source, data=data) if data is not None else source
