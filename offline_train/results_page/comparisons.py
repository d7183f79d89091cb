"""Selects the runs that the page compares."""

from collections.abc import Mapping, Sequence
from typing import Any

from offline_train.ablations.scores import Spread
from offline_train.results_page.groups import CORPORA, Group, Json, Results, heard_words, with_pairs

Reports = Sequence[Mapping[str, Any]]
"""Evaluations of one recipe, a report per seed."""

_PREFIX = "scarcity.prefix"


def best(results: Results, stage: str, corpus: str) -> Group | None:
    """The recipe with the best validation score, if there is any."""
    return next(iter(results.select(stage, corpus)), None)


def against_parents(results: Results, group: Group) -> tuple[str, Spread] | None:
    """Name of the runs that a group is based on, and the gain in test weighted F1 over them.

    Of several, such as Stage II of both modalities, those with the best validation score.
    """
    gains: dict[str, list[float]] = {}
    validated: dict[str, list[float]] = {}
    for _, record in group.runs:
        for path in record["parents"]:
            parent, of = results.content["runs"].get(path), results.group_of(path)
            if parent is not None and of is not None and parent["scores"].get("test"):
                gains.setdefault(of.name, []).append(_f1(record) - _f1(parent))
                validated.setdefault(of.name, []).append(parent["scores"]["validation"]["weighted_f1"])
    if not gains:
        return None
    name = max(validated, key=lambda key: sum(validated[key]) / len(validated[key]))
    return name, Spread(dict(enumerate(gains[name])))


def hierarchical_and_joint(results: Results, corpus: str) -> tuple[Group, Group, Spread] | None:
    """The best hierarchical recipe with a joint counterpart, that counterpart, and the gain over it.

    The gain is in test weighted F1, between runs that are based on the same runs.
    """
    for hierarchical in results.select("fused III", corpus):
        for joint in results.select("fused III", corpus, joint=True):
            below = {tuple(run["parents"]): run for _, run in joint.runs}
            pairs = [(run, below.get(tuple(run["parents"]))) for _, run in hierarchical.runs]
            gains = [_f1(run) - _f1(other) for run, other in pairs if other is not None]
            if gains:
                return hierarchical, joint, Spread(dict(enumerate(gains)))
    return None


def with_and_without_prefixes(results: Results, stage: str, corpus: str) -> tuple[Group | None, Group | None]:
    """The best recipe with prefixes that has a counterpart without, and that; else the best with prefixes."""
    found = results.select(stage, corpus)
    trained = [group for group in found if group.about["settings"].get(_PREFIX)]
    without = {
        results.without(group.recipe, _PREFIX): group
        for group in reversed(found)
        if group.about["settings"].get(_PREFIX) == 0
    }
    for group in trained:
        if partner := without.get(results.without(group.recipe, _PREFIX)):
            return group, partner
    return (trained[0] if trained else None), None


def streamed(results: Results) -> dict[str, Reports]:
    """Evaluations on test by stage and corpus, of the best recipe that has some."""
    by_recipe: dict[str, dict[str, Mapping[str, Any]]] = {}
    for report in results.content["evaluations"].values():
        if report["split"] == "test" and report["recipe"]:
            by_recipe.setdefault(report["recipe"], {}).setdefault(report["draw"], report)
    found: dict[str, Reports] = {}
    for corpus, name in CORPORA.items():
        for stage in ("text I", "audio I", "text II", "audio II", "fused III"):
            group = next((g for g in results.select(stage, corpus) if g.recipe in by_recipe), None)
            if group is not None:
                found[f"{name}: {stage}"] = list(by_recipe[group.recipe].values())
    return found


def over_seeds(reports: Reports, *keys: str) -> Spread | None:
    """A value in the reports by its path of keys; None if no report has it."""
    values = []
    for report in reports:
        value: Any = report
        for key in keys:
            value = value.get(key) if isinstance(value, Mapping) else None
        if value is not None:
            values.append(float(value))
    return Spread(dict(enumerate(values))) if values else None


def by_session(results: Results, stage: str) -> Group | None:
    """IEMOCAP, leave-one-session-out, on the logits `bigru_att`."""
    about = ("iemocap", "bigru_att")
    folded = (g for g in results.groups if g.folded and g.name == stage and g.score("test", "accuracy"))
    return next((g for g in folded if (g.about["corpus"], g.about["features"]) == about), None)


def on_sound_and_words(results: Results, stage: str) -> Group | None:
    """CMU-MOSI, on precomputed features that depend on words, too."""
    prepared = (g for g in results.groups if (g.name, g.about["corpus"]) == (stage, "mosi"))
    return next((g for g in prepared if results.any_of(g.recipe, heard_words)), None)


def paired(results: Results) -> list[Group]:
    """Recipes with paired sound of other speakers."""
    return [group for group in results.groups if results.any_of(group.recipe, with_pairs)]


def unpaired(results: Results) -> list[Group]:
    """All other recipes of a stage, by corpus and name."""
    groups = [
        group
        for group in results.groups
        if group.about["stage"] in ("stage1", "stage2", "stage3")
        and group.score("test", "weighted_f1")
        and not results.any_of(group.recipe, with_pairs)
    ]
    return sorted(groups, key=lambda group: (group.about["corpus"], group.name, group.folded))


def sound_of(group: Group) -> str:
    """The input of a Stage I of the speech modality."""
    settings = group.about["settings"]
    if "width" not in settings or "care.kind" in settings:
        return "CARE on recordings"
    usual = {"iemocap": "gemaps47", "mosi": "audio73"}.get(group.about["corpus"])
    return f"prepared features {group.about['features'] or usual}"


def recipe_of(results: Results, recipe: str) -> str:
    """Differences of a recipe, and of those it is based on, from preset "small"; "" if there are none."""
    about = results.content["recipes"].get(recipe)
    if about is None:
        return ""
    parts = [f"{name.removeprefix('fit.')} {value}" for name, value in sorted(about["changed"].items())]
    if about["pretrained"]:
        parts.append(f"labels of {', '.join(about['pretrained'])}")
    for role, parent in about["parents"].items():
        below = recipe_of(results, parent)
        if role.startswith("teacher"):
            parts.append(f"{role} ({below or 'as preset'})")
        elif below or role == "pretrained":
            name = {"stage1": "Stage I", "pretrained": "pre-training"}.get(role, f"Stage II {role}")
            parts.append(f"on {name} ({below or 'as preset'})")
    return ", ".join(parts)


def _f1(run: Json) -> float:
    """Weighted F1 on test."""
    return float(run["scores"]["test"]["weighted_f1"])
