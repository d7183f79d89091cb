"""The runs of an experiment, each with its command line."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Kind = Literal["pretrain", "text1", "speech1", "text2", "speech2", "fused"]


@dataclass(frozen=True)
class Step:
    """A run or an evaluation.

    Attributes:
        name: name in messages.
        seed: seed of the run.
        folder: folder of the run, or JSON file of the evaluation.
        line: arguments of `merits-train`.
        fold: number of the fold in a cross-validation.
    """

    name: str
    seed: int
    folder: Path
    line: tuple[str, ...]
    fold: int | None = None

    @property
    def is_evaluation(self) -> bool:
        """Whether it is an evaluation rather than a run."""
        return self.folder.suffix == ".json"

    @property
    def command(self) -> str:
        """The command line."""
        return shlex.join(["merits-train", *self.line])


@dataclass(frozen=True)
class Plan:
    """Common options and folders of the runs of an experiment.

    Attributes:
        corpus: name of the corpus.
        data: folder of the corpus.
        out: folder of all runs; those of a corpus are in <out>/<corpus>/seed<seed>/.
        seeds: seeds of every run.
        features: name of precomputed speech features.
        options: further options by kind of run: pre-training, teachers and settings.
    """

    corpus: str
    data: Path
    out: Path
    seeds: tuple[int, ...] = (1, 2, 3)
    features: str | None = None
    options: Mapping[Kind, Sequence[str]] = field(default_factory=dict)

    def pretrain(self, name: str, annotations: Path) -> Step:
        """Pre-training on a file of annotations, one for all seeds."""
        line = ["pretrain-text", "--annotations", str(annotations)]
        return self._step(f"pre-training on {name}", "pretrain", 1, line, self.out / f"pretrain-{name}")

    def text1(self, seed: int, variant: str = "", pretrained: Path | None = None) -> Step:
        """Stage I of the text modality; `variant` is appended to the folder's name."""
        line = ["stage1", "text", *self._source()]
        if pretrained is not None:
            line += ["--pretrained", str(pretrained)]
        return self._step("text I", "text1", seed, line, self._folder(seed, "text1", variant))

    def speech1(self, seed: int, fold: int | None = None, extra: Sequence[str] = ()) -> Step:
        """Stage I of the speech modality, with `extra` options."""
        if self.features is None:
            line = ["stage1", "speech", *self._source()]
        else:
            line = ["stage1", "features", *self._source(), "--features", self.features]
        if fold is not None:
            line += ["--fold", str(fold)]
        line += extra
        folder = self._folder(seed, "speech1", self._fold(fold))
        return self._step("audio I", "speech1", seed, line, folder, fold)

    def text2(self, first: Step, variant: str = "", extra: Sequence[str] = ()) -> Step:
        """Stage II of the text modality on a Stage I, with `extra` options."""
        line = ["stage2", "text", "--stage1", str(first.folder), *extra]
        return self._step("text II", "text2", first.seed, line, self._folder(first.seed, "text2", variant))

    def speech2(self, first: Step, variant: str = "", extra: Sequence[str] = ()) -> Step:
        """Stage II of the speech modality on a Stage I, with `extra` options."""
        line = ["stage2", "speech", "--stage1", str(first.folder), *extra]
        folder = self._folder(first.seed, "speech2", variant or self._fold(first.fold))
        return self._step("audio II", "speech2", first.seed, line, folder, first.fold)

    def fused(self, text: Step, speech: Step, variant: str = "", extra: Sequence[str] = ()) -> Step:
        """Stage III on Stage II of both modalities."""
        line = ["stage3", "--text", str(text.folder), "--speech", str(speech.folder), *extra]
        return self._step("fused III", "fused", text.seed, line, self._folder(text.seed, "fused", variant))

    def evaluation(self, of: Step) -> Step:
        """Evaluation of a run as streamed, on the test split."""
        out = of.folder / "evaluate-test.json"
        line = ("evaluate", "--run", str(of.folder), "--split", "test", "--json", str(out))
        return Step(f"{of.name} as streamed", of.seed, out, line)

    def _source(self) -> list[str]:
        return ["--corpus", self.corpus, "--data", str(self.data)]

    def _fold(self, fold: int | None) -> str:
        return "" if fold is None else "-".join(filter(None, (self.features, f"fold{fold}")))

    def _folder(self, seed: int, kind: Kind, variant: str) -> Path:
        return self.out / self.corpus / f"seed{seed}" / (f"{kind}-{variant}" if variant else kind)

    def _step(
        self, name: str, kind: Kind, seed: int, line: Sequence[str], folder: Path, fold: int | None = None
    ) -> Step:
        whole = (*line, *self.options.get(kind, ()), "--seed", str(seed), "--out", str(folder))
        return Step(name, seed, folder, whole, fold)
