"""Groups runs that differ only in their seed, and ranks recipes for the tables."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import Any

import numpy as np

from offline_train.ablations.scores import Spread, accuracy, weighted_f1

CORPORA = {"iemocap": "IEMOCAP (4-way)", "meld": "MELD", "mosi": "CMU-MOSI"}
"""The paper's corpora: names on the command line and in tables."""

ENOUGH = 3
"""Number of seeds that a mean should have."""

FOLDS = {"iemocap": 5, "iemocap6": 5}
"""Number of folds of cross-validated corpora."""

NOT_SOUND = {"bigru_att", "text100"}
"""Precomputed speech features that depend on words, too; excluded from the columns of sound."""

Json = Mapping[str, Any]


def heard_words(about: Json) -> bool:
    """Whether a recipe's speech features depend on words, too."""
    return not NOT_SOUND.isdisjoint((about["features"] or "").split("+"))


def with_pairs(about: Json) -> bool:
    """Whether a recipe uses paired sound of other speakers."""
    return bool(about["paired"])


@dataclass(frozen=True)
class Group:
    """Runs of one recipe.

    Attributes:
        recipe: id.
        about: the recipe, as in `results.json`.
        runs: folder and record of each seed, or of each seed and fold.
        folded: whether they are folds of a cross-validation.
    """

    recipe: str
    about: Json
    runs: Sequence[tuple[str, Json]]
    folded: bool = False

    @property
    def name(self) -> str:
        """Stage and modality, as in the paper's Table I."""
        stage = {"stage1": "I", "stage2": "II", "stage3": "III"}.get(self.about["stage"], "")
        what = {"text": "text", "speech": "audio", None: "fused"}[self.about["modality"]]
        return f"{what} {stage}".strip()

    @property
    def seeds(self) -> list[str]:
        """Seeds of the runs and those they are based on."""
        return sorted({record["draw"] for _, record in self.runs})

    def score(self, split: str, measure: str) -> Spread | None:
        """A score over seeds; None if no run has it. Complete sets of folds are pooled, on test only."""
        if self.folded:
            whole = pooled(self.runs, FOLDS.get(self.about["corpus"], 0)) if split == "test" else None
            return None if whole is None else whole.get(measure)
        found = {
            record["draw"]: record["scores"][split][measure]
            for _, record in self.runs
            if measure in record["scores"].get(split, {})
        }
        return Spread(dict(enumerate(found.values()))) if found else None

    @cached_property
    def rank(self) -> tuple[int, float]:
        """Rank of a recipe by validation score; after others if it has fewer seeds than `ENOUGH`."""
        validated = [
            record["scores"]["validation"]["weighted_f1"]
            for _, record in self.runs
            if "validation" in record["scores"]
        ]
        return (min(len(self.seeds), ENOUGH), fmean(validated)) if validated else (0, 0.0)


@dataclass(frozen=True)
class Results:
    """The content of a `results.json`."""

    content: Json

    @cached_property
    def groups(self) -> list[Group]:
        """Recipes with their runs, best first; runs of the same recipe and seeds count once."""
        found: dict[tuple[str, bool], dict[tuple[str, int | None], tuple[str, Json]]] = {}
        for path, record in sorted(self.content["runs"].items()):
            draws = found.setdefault((record["recipe"], record["fold"] is not None), {})
            draws.setdefault((record["draw"], record["fold"]), (path, record))
        groups = [
            Group(recipe, self.content["recipes"][recipe], list(draws.values()), folded)
            for (recipe, folded), draws in found.items()
        ]
        return sorted(groups, key=lambda group: group.rank, reverse=True)

    def select(self, name: str, corpus: str, *, joint: bool = False) -> list[Group]:
        """Groups by stage and corpus, best validation score first.

        Folds, paired sound and features that depend on words are excluded.
        """
        return [
            group
            for group in self.groups
            if not group.folded
            and (group.name, group.about["corpus"]) == (name, corpus)
            and bool(group.about["settings"].get("joint")) == joint
            and not self.any_of(group.recipe, with_pairs)
            and not self.any_of(group.recipe, heard_words)
        ]

    def group_of(self, path: str) -> Group | None:
        """The group of a run."""
        if path not in self.content["runs"]:
            return None
        record = self.content["runs"][path]
        key = (record["recipe"], record["fold"] is not None)
        return next(group for group in self.groups if (group.recipe, group.folded) == key)

    def any_of(self, recipe: str, test: Callable[[Json], bool]) -> bool:
        """Whether a recipe, or one of those it is based on, passes a test."""
        about = self.content["recipes"].get(recipe)
        return about is not None and (
            test(about) or any(self.any_of(p, test) for p in about["parents"].values())
        )

    def without(self, recipe: str, setting: str) -> str:
        """A key of a recipe that ignores one setting, in it and in those it is based on."""
        about = self.content["recipes"].get(recipe)
        if about is None:
            return recipe
        kept = {key: value for key, value in about["settings"].items() if key != setting}
        parents = {role: self.without(parent, setting) for role, parent in about["parents"].items()}
        same = {**about, "settings": kept, "parents": parents, "changed": None}
        return json.dumps(same, sort_keys=True)


def pooled(runs: Iterable[tuple[str, Json]], folds: int) -> dict[str, Spread] | None:
    """Accuracy and weighted F1 over seeds, for the utterances of all folds; None if no seed has all folds."""
    by_seed: dict[int, dict[int, Any]] = {}
    for _, record in runs:
        if record["fold"] is not None:
            by_seed.setdefault(record["seed"], {})[record["fold"]] = np.array(record["confusion"])
    whole = {seed: sum(parts.values()) for seed, parts in sorted(by_seed.items()) if len(parts) == folds}
    if not whole:
        return None
    return {
        "accuracy": Spread({seed: accuracy(matrix) for seed, matrix in whole.items()}),
        "weighted_f1": Spread({seed: weighted_f1(matrix) for seed, matrix in whole.items()}),
    }
