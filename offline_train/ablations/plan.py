"""The runs of an experiment, each as the command line that makes it."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from offline_train.errors import UsageError

Modality = Literal["text", "speech"]
Stage = Literal["pretrain", "stage1", "stage2", "stage3"]


@dataclass(frozen=True)
class Step:
    """One run.

    Attributes:
        name: what it is, for people.
        seed: of it.
        folder: where it is; of an evaluation, its JSON file.
        line: what makes it, as typed after `merits-train`.
        fold: of a cross-validation.
    """

    name: str
    seed: int
    folder: Path
    line: tuple[str, ...]
    fold: int | None = None

    @property
    def is_evaluation(self) -> bool:
        """Whether it judges a run, rather than making one."""
        return self.folder.suffix == ".json"

    @property
    def command(self) -> str:
        """The line to type."""
        return shlex.join(["merits-train", *self.line])


@dataclass(frozen=True)
class Change:
    """A setting of one stage.

    Attributes:
        stage: whose.
        modality: whose, where the stage has two; None for both.
        assignment: KEY=VALUE.
    """

    stage: Stage
    modality: Modality | None
    assignment: str

    @classmethod
    def parse(cls, stage: Stage, text: str) -> "Change":
        """Read [text:|speech:]KEY=VALUE.

        Raises:
            UsageError: it is none.
        """
        key, equals, _ = text.partition("=")
        if not equals:
            raise UsageError(f"--{stage}-set {text}: expected KEY=VALUE, such as fit.epochs=10")
        for modality in ("text", "speech"):
            if key.startswith(f"{modality}:"):
                if stage not in ("stage1", "stage2"):
                    raise UsageError(f"--{stage}-set {text}: only stage1 and stage2 come by modality")
                return cls(stage, modality, text.removeprefix(f"{modality}:"))
        return cls(stage, None, text)


@dataclass(frozen=True)
class Plan:
    """What the runs of an experiment share, and where each of them is.

    Attributes:
        corpus: its name.
        data: its folder.
        out: folder of all runs; those of a corpus are in <out>/<corpus>/seed<seed>/.
        seeds: of every run.
        features: prepared speech features, by name.
        transcripts: words to use instead of the corpus' own.
        pretrained: run of pretrain-text that Stage I of the words starts from.
        speech_pretrained: run of pretrain-care that Stage I of the sound starts from.
        first_teachers: runs of Stage I of the words that Stage I learns from.
        context_teachers: runs of Stage II of the words that Stage II learns from.
        base: text encoder to start from.
        preset: where settings start from.
        config: YAML of settings.
        changes: single settings.
    """

    corpus: str
    data: Path
    out: Path
    seeds: tuple[int, ...] = (1, 2, 3)
    features: str | None = None
    transcripts: Path | None = None
    pretrained: Path | None = None
    speech_pretrained: Path | None = None
    first_teachers: tuple[Path, ...] = ()
    context_teachers: tuple[Path, ...] = ()
    base: str | None = None
    preset: str = "small"
    config: Path | None = None
    changes: tuple[Change, ...] = field(default=())

    def pretrain(self, name: str, annotations: Path) -> Step:
        """Pre-training on a file of annotations: once, for the runs of all seeds."""
        seed = 1
        folder = self.out / f"pretrain-{name}"
        line = ["pretrain-text", "--annotations", str(annotations), *self._base()]
        return Step(f"pre-training on {name}", seed, folder, self._line(line, folder, seed, "pretrain"))

    def text1(self, seed: int, variant: str = "", pretrained: Path | None = None) -> Step:
        """Stage I of the words; a `variant` names its folder apart from the plain one."""
        line = ["stage1", "text", *self._source(), *self._base()]
        if self.transcripts is not None:
            line += ["--transcripts", str(self.transcripts)]
        if start := pretrained or self.pretrained:
            line += ["--pretrained", str(start)]
        line += _teachers(self.first_teachers)
        folder = self._folder(seed, "text1", variant)
        return Step("text I", seed, folder, self._line(line, folder, seed, "stage1", "text"))

    def speech1(self, seed: int, fold: int | None = None) -> Step:
        """Stage I of the sound."""
        if self.features is None:
            line = ["stage1", "speech", *self._source()]
        else:
            line = ["stage1", "features", *self._source(), "--features", self.features]
        if fold is not None:
            line += ["--fold", str(fold)]
        if self.speech_pretrained is not None and self.features is None:
            line += ["--pretrained", str(self.speech_pretrained)]
        folder = self._folder(seed, "speech1", self._fold(fold))
        return Step("audio I", seed, folder, self._line(line, folder, seed, "stage1", "speech"), fold)

    def text2(self, first: Step, variant: str = "", extra: Sequence[str] = ()) -> Step:
        """Stage II of the words, on a Stage I; `extra` are options of its own."""
        folder = self._folder(first.seed, "text2", variant)
        line = ["stage2", "text", "--stage1", str(first.folder), *extra]
        line += _teachers(self.context_teachers)
        return Step("text II", first.seed, folder, self._line(line, folder, first.seed, "stage2", "text"))

    def speech2(self, first: Step, variant: str = "", extra: Sequence[str] = ()) -> Step:
        """Stage II of the sound, likewise."""
        folder = self._folder(first.seed, "speech2", variant or self._fold(first.fold))
        line = ["stage2", "speech", "--stage1", str(first.folder), *extra]
        made = self._line(line, folder, first.seed, "stage2", "speech")
        return Step("audio II", first.seed, folder, made, first.fold)

    def fused(self, text: Step, speech: Step, variant: str = "", extra: Sequence[str] = ()) -> Step:
        """Stage III on both Stages II."""
        folder = self._folder(text.seed, "fused", variant)
        line = ["stage3", "--text", str(text.folder), "--speech", str(speech.folder), *extra]
        return Step("fused III", text.seed, folder, self._line(line, folder, text.seed, "stage3"))

    def evaluation(self, of: Step) -> Step:
        """A run judged as streamed, on the test split."""
        out = of.folder / "evaluate-test.json"
        line = ("evaluate", "--run", str(of.folder), "--split", "test", "--json", str(out))
        return Step(f"{of.name} as streamed", of.seed, out, line)

    def _source(self) -> list[str]:
        return ["--corpus", self.corpus, "--data", str(self.data)]

    def _base(self) -> list[str]:
        return [] if self.base is None else ["--base", self.base]

    def _fold(self, fold: int | None) -> str:
        return "" if fold is None else f"{self.features or 'features'}-fold{fold}"

    def _folder(self, seed: int, name: str, variant: str) -> Path:
        return self.out / self.corpus / f"seed{seed}" / (f"{name}-{variant}" if variant else name)

    def _line(
        self, line: Sequence[str], folder: Path, seed: int, stage: Stage, modality: Modality | None = None
    ) -> tuple[str, ...]:
        shared = [] if self.preset == "small" else ["--preset", self.preset]
        if self.config is not None:
            shared += ["--config", str(self.config)]
        for change in self.changes:
            if change.stage == stage and change.modality in (None, modality):
                shared += ["--set", change.assignment]
        return (*line, *shared, "--seed", str(seed), "--out", str(folder))


def _teachers(runs: Sequence[Path]) -> list[str]:
    return [part for run in runs for part in ("--teacher", str(run))]
