"""`results.json` -> the page and its figures."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from offline_train.tables import own, paper_figures, paper_tables
from offline_train.tables.groups import Group, Results
from offline_train.tables.notes import MISSING, Notes, shown, table

_ABOUT = """# Results

Written by `make tables` (`merits-train tables`) from [results.json](results.json), which holds what the
runs' own files say; edit neither by hand.

Numbers are percent: mean ± sample standard deviation (number of seeds) on the test split, whole conversation
in view unless said otherwise. Epochs are selected on validation data, and so is the recipe that a table shows
where there are several: the best mean validation score among those with at least three seeds. All others are
in the appendix. A small number leads to the command that gives a value; {1,2,3} is one command a seed.
"—" is a number that the data here can't give, or that was not measured; its small number leads to the command
that fills it."""


def page(content: Mapping[str, Any], figures: Path | None = None) -> str:
    """The page, in Markdown.

    Args:
        content: of `results.json`.
        figures: folder to draw into; None leaves them as they are.
    """
    results = Results(content)
    notes = Notes(results)
    sections = [
        _ABOUT,
        paper_tables.table1(results, notes),
        paper_tables.differences(results, notes),
        paper_figures.figure3(results, notes, figures),
        paper_figures.figure4(results, notes, figures),
        paper_tables.table2(results, notes),
        own.prefixes(results, notes),
        own.streamed(results, notes, figures),
        own.accuracies(results, notes),
        _paired(results, notes),
        _appendix(results, notes),
    ]
    text = "\n\n".join(section for section in sections if section)
    return f"{text}\n\n## Commands\n\n{notes.markdown()}\n"


def _paired(results: Results, notes: Notes) -> str:
    """Recipes with other people's sound paired in, which are none of the above."""
    groups = [g for g in results.groups if results.any_of(g.recipe, lambda about: bool(about["paired"]))]
    if not groups:
        return ""
    header, rows = _listing(results, groups, notes)
    return "\n\n".join(
        (
            "## MELD's words with RAVDESS' sound",
            "MELD's audio could not be had: every turn was given an acted clip of its emotion. These numbers"
            " say how the method works on such pairs. They are not comparable with anything above.",
            table(header, rows),
        )
    )


def _appendix(results: Results, notes: Notes) -> str:
    """Every recipe."""
    groups = [
        group
        for group in results.groups
        if group.about["stage"] in ("stage1", "stage2", "stage3")
        and group.score("test", "weighted_f1")
        and not results.any_of(group.recipe, lambda about: bool(about["paired"]))
    ]
    if not groups:
        return ""
    groups.sort(key=lambda group: (group.about["corpus"], group.name, group.folded))
    header, rows = _listing(results, groups, notes)
    told = "Settings that differ from preset `small`, here and (after `on`) in what it was built on."
    return "\n\n".join(("## Appendix: every recipe", told, table(header, rows)))


def _listing(results: Results, groups: list[Group], notes: Notes) -> tuple[list[str], list[list[str]]]:
    rows = []
    for group in groups:
        scores = [group.score(split, "weighted_f1") for split in ("validation", "test")]
        first = group.score("test", "first_emission")
        cells = [MISSING if score is None else shown(score) for score in (*scores, first)]
        about = group.about
        where = ", ".join(
            filter(None, (about["corpus"], about["features"], "by fold" if group.folded else ""))
        )
        rows.append(
            [
                f"{where}: {group.name}",
                describe(results, group.recipe) or "as preset",
                *cells,
                notes.refer(notes.of_group(group)),
            ]
        )
    return ["", "recipe", "validation", "test", "first emission", "command"], rows


def describe(results: Results, recipe: str) -> str:
    """What differs from preset "small", in a recipe and in what it was built on."""
    about = results.content["recipes"].get(recipe)
    if about is None:
        return ""
    parts = [f"{name.removeprefix('fit.')} {value}" for name, value in sorted(about["changed"].items())]
    if about["pretrained"]:
        parts.append(f"labels of {', '.join(about['pretrained'])}")
    for role, parent in about["parents"].items():
        told = describe(results, parent)
        if role.startswith("teacher"):
            parts.append(f"{role} ({told or 'as preset'})")
        elif told or role == "pretrained":
            name = {"stage1": "Stage I", "pretrained": "pre-training"}.get(role, f"Stage II {role}")
            parts.append(f"on {name} ({told or 'as preset'})")
    return ", ".join(parts)
