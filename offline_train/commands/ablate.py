"""`merits-train ablate`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from offline_train.commands.options import Config, Preset, command_line
from offline_train.corpora.registry import CORPORA
from offline_train.errors import UsageError


class Name(StrEnum):
    """The experiments."""

    STAGES = "stages"
    JOINT = "joint"
    ANNOTATORS = "annotators"
    PREFIX = "prefix"
    WINDOW = "window"
    SESSIONS = "sessions"


Assignments = list[str] | None
_SET = "[text:|speech:]KEY=VALUE"


def ablate(
    experiment: Annotated[Name, typer.Argument(help="Which, see above.", show_default=False)],
    corpus: Annotated[str, typer.Option(help=f"One of: {', '.join(CORPORA)}.")],
    data: Annotated[Path, typer.Option(help="Folder of the corpus (corpus `folder`: the manifest).")],
    out: Annotated[
        Path,
        typer.Option(help="Folder of all runs. Those that are there are not repeated, nor those of others."),
    ],
    seeds: Annotated[str, typer.Option(help="Of every run, with commas between.")] = "1,2,3",
    features: Annotated[
        str | None, typer.Option(help="Prepared speech features by name.  \\[default: sessions: bigru_att]")
    ] = None,
    transcripts: Annotated[
        Path | None, typer.Option(help="Words of `merits-train transcribe` instead of the corpus' own.")
    ] = None,
    pretrained: Annotated[
        Path | None, typer.Option(help="Run of pretrain-text that Stage I of the words starts from.")
    ] = None,
    speech_pretrained: Annotated[
        Path | None, typer.Option(help="Run of pretrain-care that Stage I of the sound starts from.")
    ] = None,
    teacher: Annotated[
        list[Path] | None,
        typer.Option(
            help="Run of Stage I or II of the words on this corpus, for the same stage to learn from."
        ),
    ] = None,
    annotations: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=FILE", help="annotators: annotated texts; give several to compare them."),
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(
            help="annotators: people's labels of the same texts.  \\[default: those by annotator corpus]"
        ),
    ] = None,
    context: Annotated[bool, typer.Option("--context", help="annotators: do Stage II, too.")] = False,
    run: Annotated[
        list[Path] | None,
        typer.Option(
            help="window: runs of Stages II and III to judge.  \\[default: those of `stages` in --out]"
        ),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(help="Text encoder to start from, a folder or a hub name such as roberta-large."),
    ] = None,
    pretrain_set: Annotated[
        Assignments, typer.Option(metavar="KEY=VALUE", help="A setting of pretrain-text: fit.epochs=1.")
    ] = None,
    stage1_set: Annotated[
        Assignments, typer.Option(metavar=_SET, help="A setting of Stage I: text:context_turns=0.")
    ] = None,
    stage2_set: Annotated[
        Assignments, typer.Option(metavar=_SET, help="A setting of Stage II: speech:hidden=64.")
    ] = None,
    stage3_set: Annotated[
        Assignments, typer.Option(metavar="KEY=VALUE", help="A setting of Stage III: width=64.")
    ] = None,
    preset: Preset = "small",
    config: Config = None,
) -> None:
    """Experiments: ordinary runs over several seeds, and what differs between them.

    stages: all stages, II against I of each modality, III against the better modality.
    joint: Stages II and III one after the other against trained together.
    annotators: Stage I of the words with pre-training on each file of --annotations against without.
    prefix: Stages II and III trained with random prefixes of conversations against without.
    window: runs judged through windows of 4 to 32 turns, and with 0 to 4 turns of look-ahead.
    sessions: IEMOCAP, leave one session out, on prepared features.

    The runs are in OUT/CORPUS/seedN/, each with the line that makes it, in command.json; those that several
    experiments need are made once. What came out is in OUT/EXPERIMENT-CORPUS.json. After a kill the
    same line goes on.
    """
    from rich.console import Console

    from offline_train.ablations import experiments, window
    from offline_train.ablations.plan import Change, Plan
    from offline_train.ablations.report import show, summarise
    from offline_train.ablations.runner import execute
    from offline_train.kinds import kind_of
    from offline_train.run import Run, write_json
    from offline_train.source import Source
    from offline_train.tables.figures import draw_guidance, guidance_of

    for given, option, owner in (
        (annotations, "--annotations", Name.ANNOTATORS),
        (reference, "--reference", Name.ANNOTATORS),
        (context, "--context", Name.ANNOTATORS),
        (run, "--run", Name.WINDOW),
    ):
        if given and experiment is not owner:
            raise UsageError(f"{option} is for the experiment {owner}, not {experiment}")
    if experiment is Name.SESSIONS and not corpus.startswith("iemocap"):
        raise UsageError(f"sessions is for iemocap and iemocap6, not {corpus}")
    kinds = {folder: kind_of(Run(folder)) for folder in teacher or []}
    for folder, kind in kinds.items():
        if kind not in ("text1", "text2"):
            raise UsageError(f"--teacher {folder} is no run of stage1 or stage2 --modality text")
    plan = Plan(
        corpus=corpus,
        data=data,
        out=out,
        seeds=_seeds(seeds),
        features=features or ("bigru_att" if experiment is Name.SESSIONS else None),
        transcripts=transcripts,
        pretrained=pretrained,
        speech_pretrained=speech_pretrained,
        first_teachers=tuple(folder for folder, kind in kinds.items() if kind == "text1"),
        context_teachers=tuple(folder for folder, kind in kinds.items() if kind == "text2"),
        base=base,
        preset=preset,
        config=config,
        changes=(
            *(Change.parse("pretrain", text) for text in pretrain_set or []),
            *(Change.parse("stage1", text) for text in stage1_set or []),
            *(Change.parse("stage2", text) for text in stage2_set or []),
            *(Change.parse("stage3", text) for text in stage3_set or []),
        ),
    )
    sound = experiments.has_sound(Source(corpus, data, plan.features, None, transcripts).read())
    if experiment is Name.WINDOW:
        before = [] if run else experiments.stages(plan, sound=sound).steps
        judged = window.given_runs(plan, run) if run else window.of_stages(plan, sound=sound)
        execute([*before, *(step for steps in judged.values() for step in steps)])
        result = window.summarise(judged)
    else:
        if experiment is Name.ANNOTATORS:
            made = experiments.annotators(plan, _files(annotations), reference, context=context)
        else:
            made = getattr(experiments, experiment.value)(plan, sound=sound)
        execute(made.steps)
        result = summarise(made)
    summary = {
        "experiment": experiment.value,
        "corpus": corpus,
        "features": plan.features,
        "seeds": plan.seeds,
        "command": command_line(),
        **result,
    }
    path = out / f"{experiment.value}-{corpus}.json"
    write_json(path, summary)
    console = Console()
    if not console.is_terminal:
        console.width = 140  # into a file or a pipe, a row a line
    show(summary, console)
    print(path)
    guidance = guidance_of(summary)
    if guidance is not None:
        draw_guidance({corpus: guidance}, path.with_suffix(".svg"))
        print(path.with_suffix(".svg"))


def _seeds(text: str) -> tuple[int, ...]:
    try:
        seeds = tuple(int(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"--seeds {text}: expected numbers with commas between, such as 1,2,3") from None
    if len(set(seeds)) < len(seeds) or min(seeds) < 0:
        raise UsageError(f"--seeds {text}: expected different numbers from 0 on")
    return seeds


def _files(annotations: list[str] | None) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for text in annotations or []:
        name, equals, path = text.partition("=")
        if not equals or not name.replace("-", "").replace("_", "").replace(".", "").isalnum():
            raise UsageError(f"--annotations {text}: expected NAME=FILE, such as gpt=labels.jsonl")
        if name in files or name == "none":
            raise UsageError(f"--annotations {text}: there is another {name}")
        files[name] = Path(path)
    if not files:
        raise UsageError("annotators needs --annotations NAME=FILE, once or several times")
    return files
