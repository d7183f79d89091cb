"""`merits-train ablate`."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer import Option

from docstring_options import documented
from offline_train.commands.options import Config, CorpusOptions, Preset, TextBase, Transcripts, command_line
from offline_train.errors import UsageError

if TYPE_CHECKING:
    from offline_train.ablations.plan import Kind, Plan

Assignments = list[str] | None
_SET = "[text:|speech:]KEY=VALUE"
Name = Literal["stages", "joint", "annotators", "prefix", "window", "sessions", "transfer"]


@dataclass(frozen=True, kw_only=True)
class RunsOptions(CorpusOptions):
    """Options that the runs of an experiment share.

    Attributes:
        out: Folder of all runs. Runs that exist there are not repeated.
        seeds: Seeds, separated by commas; each run is made once per seed.
        features: Names of precomputed speech features, such as gemaps47. [default: the corpus' first;
            sessions: bigru_att]
        pretrained: Run of pretrain-text from whose weights Stage I of the text modality starts.
        speech_pretrained: Run of pretrain-care from whose weights Stage I of the speech modality starts.
        teacher: Run of `stage1 text` or `stage2 text` on this corpus, for the same stage to distil. May be
            repeated.
        pretrain_set: A setting of pretrain-text, such as fit.epochs=1. May be repeated.
        stage1_set: A setting of Stage I, such as text:context_turns=0. May be repeated.
        stage2_set: A setting of Stage II, such as speech:hidden=64. May be repeated.
        stage3_set: A setting of Stage III, such as width=64. May be repeated.
    """

    out: Path
    seeds: str = "1,2,3"
    features: str | None = None
    transcripts: Transcripts = None
    pretrained: Path | None = None
    speech_pretrained: Path | None = None
    teacher: list[Path] | None = None
    base: TextBase = None
    pretrain_set: Annotated[Assignments, Option(metavar="KEY=VALUE")] = None
    stage1_set: Annotated[Assignments, Option(metavar=_SET)] = None
    stage2_set: Annotated[Assignments, Option(metavar=_SET)] = None
    stage3_set: Annotated[Assignments, Option(metavar="KEY=VALUE")] = None
    preset: Preset = "small"
    config: Config = None

    def plan(self) -> "tuple[Plan, bool]":
        """The plan of the runs, and whether the corpus has sound.

        Raises:
            UsageError: an option is invalid.
        """
        from offline_train.ablations.experiments import has_sound
        from offline_train.ablations.plan import Plan

        plan = Plan(self.corpus, self.data, self.out, _seeds(self.seeds), self.features, self._options())
        return plan, has_sound(self.source(self.features, transcripts=self.transcripts).read())

    def _options(self) -> "dict[Kind, list[str]]":
        """The options of each kind of run, as arguments."""
        from offline_train.runs.kinds import kind_of
        from offline_train.runs.run import Run

        teachers: dict[str | None, list[str]] = {"text1": [], "text2": []}
        for folder in self.teacher or []:
            kind = kind_of(Run(folder))
            if kind not in teachers:
                raise UsageError(f"--teacher {folder} is no run of `stage1 text` or `stage2 text`")
            teachers[kind] += ["--teacher", str(folder)]
        base = _given(base=self.base)
        words = _given(transcripts=self.transcripts, pretrained=self.pretrained)
        sound = _given(pretrained=None if self.features else self.speech_pretrained)
        shared = _given(preset=None if self.preset == "small" else self.preset, config=self.config)
        stage1, stage2 = _settings("stage1", self.stage1_set), _settings("stage2", self.stage2_set)
        return {
            "pretrain": [*base, *shared, *_settings("pretrain", self.pretrain_set)["text"]],
            "text1": [*base, *words, *teachers["text1"], *shared, *stage1["text"]],
            "speech1": [*sound, *shared, *stage1["speech"]],
            "text2": [*teachers["text2"], *shared, *stage2["text"]],
            "speech2": [*shared, *stage2["speech"]],
            "fused": [*shared, *_settings("stage3", self.stage3_set)["text"]],
        }


@documented
def ablate(
    ctx: typer.Context,
    experiment: Annotated[Name, typer.Argument(help="Name of an experiment.", show_default=False)],
    runs: RunsOptions,
    annotations: Annotated[list[str] | None, Option(metavar="NAME=FILE")] = None,
    reference: Path | None = None,
    context: bool = False,
    run: list[Path] | None = None,
) -> None:
    """Run experiments over several seeds, and compare their scores.

    stages: all stages; II against I of each modality, III against the better modality.
    joint: Stages II and III trained one after the other, against trained together.
    annotators: Stage I of the text modality with pre-training on each file of --annotations, against without.
    prefix: Stages II and III trained with random prefixes of conversations, against without.
    window: runs evaluated with windows of 4 to 32 turns, and with 0 to 4 turns of look-ahead.
    sessions: IEMOCAP, leave-one-session-out, on precomputed features.
    transfer: voices, each acted corpus left out whole of Stage I of the speech modality.

    The runs are in OUT/CORPUS/seedN/, each with its command in command.json; runs that several experiments
    need are made once. The results are in OUT/EXPERIMENT-CORPUS.json. After a kill, the same command resumes.

    Example:

    merits-train ablate stages --corpus meld --data MELD.Raw --seeds 1,2,3 --out runs

    Args:
        annotations: annotators: file of annotations, with a name for it. May be repeated.
        reference: annotators: human labels of the same texts. [default: those by `annotate corpus`]
        context: annotators: train Stage II, too.
        run: window: finished run of Stage II or III to evaluate. May be repeated. [default: those of `stages`
            in --out]
    """
    from offline_train.ablations import experiments, transfer, window
    from offline_train.ablations.report import summarise
    from offline_train.ablations.runner import execute

    for given, option, owner in (
        (annotations, "--annotations", "annotators"),
        (reference, "--reference", "annotators"),
        (context, "--context", "annotators"),
        (run, "--run", "window"),
    ):
        if given and experiment != owner:
            raise UsageError(f"{option} is for the experiment {owner}, not {experiment}")
    if experiment == "sessions" and not runs.corpus.startswith("iemocap"):
        raise UsageError(f"sessions is for iemocap and iemocap6, not {runs.corpus}")
    if experiment == "transfer" and runs.corpus != "voices":
        raise UsageError(f"transfer is for voices, not {runs.corpus}")
    if experiment == "sessions" and runs.features is None:
        runs = replace(runs, features="bigru_att")
    plan, sound = runs.plan()
    program = ctx.find_root().command
    if experiment == "window":
        before = [] if run else experiments.stages(plan, sound=sound).steps
        judged = window.given_runs(plan, run) if run else window.of_stages(plan, sound=sound)
        execute([*before, *(step for steps in judged.values() for step in steps)], program)
        _store(plan, experiment, window.summarise(judged))
    elif experiment == "transfer":
        left_out = transfer.left_out(plan)
        execute([step for steps in left_out.values() for step in steps], program)
        _store(plan, experiment, transfer.summarise(left_out))
    else:
        if experiment == "annotators":
            if runs.pretrained is not None:
                raise UsageError("annotators compares pre-trainings: leave --pretrained out")
            made = experiments.annotators(plan, _files(annotations), reference, context=context)
        else:
            made = getattr(experiments, experiment)(plan, sound=sound)
        execute(made.steps, program)
        _store(plan, experiment, summarise(made))


def _store(plan: "Plan", experiment: Name, result: Mapping[str, Any]) -> None:
    """Write the results, and show them."""
    from rich.console import Console

    from offline_train.ablations.report import show
    from offline_train.ablations.transfer import draw_transfer
    from offline_train.files import write_json
    from offline_train.results_page.figures import draw_guidance, guidance_of

    summary = {
        "experiment": experiment,
        "corpus": plan.corpus,
        "features": plan.features,
        "seeds": plan.seeds,
        "command": command_line(),
        **result,
    }
    path = plan.out / f"{experiment}-{plan.corpus}.json"
    write_json(path, summary)
    console = Console()
    if not console.is_terminal:
        console.width = 140  # in a file or a pipe, a line per row
    show(summary, console)
    print(path)
    if experiment == "transfer":
        print(draw_transfer(summary, path.with_suffix(".svg")))
    guidance = guidance_of(summary)
    if guidance is not None:
        draw_guidance({plan.corpus: guidance}, path.with_suffix(".svg"))
        print(path.with_suffix(".svg"))


def _seeds(text: str) -> tuple[int, ...]:
    try:
        seeds = tuple(int(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"--seeds {text}: expected numbers with commas between, such as 1,2,3") from None
    if len(set(seeds)) < len(seeds) or min(seeds) < 0:
        raise UsageError(f"--seeds {text}: expected different numbers from 0 on")
    return seeds


def _given(**options: object) -> list[str]:
    """Options that are not None, as arguments."""
    return [
        part for name, value in options.items() if value is not None for part in (f"--{name}", str(value))
    ]


def _settings(stage: str, assignments: list[str] | None) -> dict[str, list[str]]:
    """Parse `[text:|speech:]KEY=VALUE` of a stage into arguments for the runs of each modality.

    Raises:
        UsageError: it is invalid, or the stage has no modalities.
    """
    found: dict[str, list[str]] = {"text": [], "speech": []}
    for text in assignments or []:
        key, equals, _ = text.partition("=")
        if not equals:
            raise UsageError(f"--{stage}-set {text}: expected KEY=VALUE, such as fit.epochs=10")
        modality, colon, _ = key.partition(":")
        of_one = bool(colon) and modality in found
        if of_one and stage not in ("stage1", "stage2"):
            raise UsageError(f"--{stage}-set {text}: only stage1 and stage2 come by modality")
        for name in (modality,) if of_one else found:
            found[name] += ["--set", text.removeprefix(f"{modality}:") if of_one else text]
    return found


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
