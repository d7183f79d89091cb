"""Renders the page and its figures from `results.json` and templates/results.md.jinja."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from offline_train.ablations.scores import Spread
from offline_train.results_page import comparisons
from offline_train.results_page.figures import (
    Guidance,
    Point,
    draw_bars,
    draw_guidance,
    draw_lines,
    guidance_of,
)
from offline_train.results_page.fill import to_fill, to_fill_stage
from offline_train.results_page.groups import CORPORA, Results
from offline_train.results_page.markdown import environment, fill
from offline_train.results_page.notes import Notes, braced, reference

MISSING = "—"


def page(content: Mapping[str, Any], figures: Path | None = None) -> str:
    """The page, in Markdown.

    Args:
        content: the content of `results.json`.
        figures: folder of the figures; None to keep them unchanged.
    """
    results = Results(content)
    annotators, joint, ahead = _annotators(results), _joint(results), _look_ahead(results)
    if figures is not None:
        if annotators:
            draw_guidance(annotators, figures / "annotators.svg")
        if joint:
            draw_bars(joint, figures / "joint.svg")
        if ahead:
            draw_lines(ahead, "turns of look-ahead", figures / "look-ahead.svg")
    drawn = {"annotators": annotators, "joint": joint, "look-ahead": ahead}
    return fill(TEMPLATES, "results", results=results, notes=Notes(results), drawn=drawn)


def _annotators(results: Results) -> dict[str, Guidance]:
    """The paper's Figure 3."""
    found: dict[str, Guidance] = {}
    for summary in results.content["ablations"].values():
        if summary["experiment"] == "annotators" and (guidance := guidance_of(summary)):
            found.setdefault(CORPORA.get(summary["corpus"], summary["corpus"]), guidance)
    return found


def _joint(results: Results) -> dict[str, Sequence[Point]]:
    """The paper's Figure 4."""
    found: dict[str, Sequence[Point]] = {}
    for corpus, name in CORPORA.items():
        if pair := comparisons.hierarchical_and_joint(results, corpus):
            spreads = {
                kind: group.score("test", "weighted_f1")
                for kind, group in zip(("hierarchical", "joint"), pair[:2], strict=True)
            }
            found[name] = [_point(kind, spread) for kind, spread in spreads.items() if spread]
    return found


def _look_ahead(results: Results) -> dict[str, Sequence[Point]]:
    """Scores by look-ahead, with those of the whole conversation."""
    found: dict[str, Sequence[Point]] = {}
    for name, reports in comparisons.streamed(results).items():
        if whole := comparisons.over_seeds(reports, "weighted_f1"):
            spreads = {
                turns: comparisons.over_seeds(reports, "look_ahead", turns) for turns in ("0", "1", "2", "4")
            }
            found[name] = [_point(turns, each) for turns, each in (spreads | {"all": whole}).items() if each]
    return found


def _point(name: str, spread: Spread) -> Point:
    return Point(name, 0.0, spread.mean, spread.std)


def _shown(spread: Spread | None, sign: str = "") -> str:
    """Mean, standard deviation and number of seeds."""
    if spread is None:
        return MISSING
    deviation = "" if spread.std is None else f" ± {spread.std:.2f}"
    return f"{spread.mean:{sign}.2f}{deviation} ({spread.n})"


def _spread_of(stored: Mapping[str, Any]) -> Spread:
    """A spread in an ablation's summary."""
    return Spread({int(seed): value for seed, value in stored["per_seed"].items()})


TEMPLATES = environment(Path(__file__).parent / "templates")
TEMPLATES.filters |= {"shown": _shown, "spread_of": _spread_of, "ref": reference, "braced": braced}
TEMPLATES.globals |= {
    "missing": MISSING,
    "corpora": CORPORA,
    "to_fill": to_fill,
    "to_fill_stage": to_fill_stage,
    "of": comparisons,
}
