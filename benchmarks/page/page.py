"""docs/benchmarks.md with its figures, and what the README and other guides say of what was measured.

All words and tables are in templates/, those of a benchmark in NAME.md.jinja.
"""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.page.figures import Result, by_turn, starts
from benchmarks.page.sections import SECTIONS, read
from benchmarks.peers.rows import compared
from offline_train.plots import look, save
from offline_train.results_page.markdown import environment, fill

FUZZ = "python -m fuzz --inputs 1000000 --json benchmarks/results/fuzz.json"
INSTALLABLE = "python -m benchmarks.installable --measure .venv --json benchmarks/results/installable.json"
WEEK = "python -m benchmarks.soak --hours 168 --json benchmarks/results/soak-week.json"
SOAKS = {
    "soak": "words supplied",
    "soak-recognised": "embedded recogniser",
    "soak-streams": "eight streams, embedded recogniser",
}
IN_README = ("recognition", "segmentation", "latency", "context", "streams", *SOAKS)
"""What the README takes figures from, in order."""


def page(results: Path, figures: Path | None = None) -> str:
    """docs/benchmarks.md.

    Args:
        results: the folder of JSON files.
        figures: folder to draw into, beside the page; None leaves the figures as they are.

    Raises:
        ValueError: a result is damaged; says which, and what to do.
    """
    sections = []
    packages: dict[str, list[str]] = {}
    for section in SECTIONS:
        result = section.read(results)
        text = fill(TEMPLATES, section.name, section=section, result=result)
        sections.append({"title": section.title, "met": _met(result, text), "text": text})
        if result is None:
            continue
        versions = ", ".join(f"{name} {each}" for name, each in result["machine"]["packages"].items())
        packages.setdefault(versions, []).append(section.name)
        if figures is not None:
            with look():
                save(section.draw(result), figures / f"{section.name}.svg")
    return fill(TEMPLATES, "page", sections=sections, packages=packages)


def readme(results: Path, bundle: Path) -> str:
    """The README's figures: the bundle's, and the most telling ones of the benchmarks.

    Args:
        results: the folder of JSON files.
        bundle: `bundle.json` of the shipped bundle.

    Raises:
        ValueError: a result is damaged; says which, and what to do.
    """
    sections = {section.name: section for section in SECTIONS}
    found = {name: sections[name].read(results) for name in IN_README}
    metrics = json.loads(bundle.read_text(encoding="utf-8"))["metrics"]
    meld, folds = metrics["bundle_test"], metrics["speech_folds"]["test"]
    return fill(TEMPLATES, "readme", sections=sections, results=found, soaks=SOAKS, meld=meld, folds=folds)


def fuzzing(results: Path) -> str:
    """For docs/reliability.md: how many inputs each target was given, and what came of it.

    Raises:
        ValueError: the result is damaged; says what to do.
    """
    return fill(TEMPLATES, "fuzz", result=read(results / "fuzz.json", FUZZ), command=FUZZ)


def installing(results: Path) -> str:
    """For docs/install.md: what comes ready built for which systems, and how large it is.

    Raises:
        ValueError: the result is damaged; says what to do.
    """
    result = read(results / "installable.json", INSTALLABLE)
    return fill(TEMPLATES, "installable", result=result, command=INSTALLABLE)


def week(results: Path) -> str:
    """For docs/reliability.md: what a week of talk cost.

    Raises:
        ValueError: the result is damaged; says what to do.
    """
    return fill(TEMPLATES, "soak-week", result=read(results / "soak-week.json", WEEK), command=WEEK)


def _met(result: Result | None, text: str) -> str:
    """How many of a section's claims hold."""
    if result is None:
        return "not measured yet"
    met, missed = text.count("\n- met: "), text.count("\n- **not met**: ")
    return f"{met} of {met + missed} met" if met + missed else "nothing in particular"


def _must(met: bool, caller: Callable[[], str]) -> str:
    """A line of what must hold, called by a template around the claim and what was measured."""
    return f"- {'met' if met else '**not met**'}: {caller()}\n"


def _milliseconds(value: float) -> str:
    return f"{value:.1f} ms" if value < 10 else f"{value:,.0f} ms"


def _over(value: float, other: float, spec: str) -> str:
    return format(value / other, spec) if other else "-"


def _machine(described: Mapping[str, Any]) -> str:
    memory = described["memory_gib"]
    size = "" if memory is None else f", {memory:.0f} GiB"
    python = f"Python {described['python']}"
    return f"{described['cores']} cores ({described['cpu']}){size}, {described['system']}, {python}"


TEMPLATES = environment(Path(__file__).parent / "templates")
TEMPLATES.globals["must"] = _must
TEMPLATES.filters |= {
    "ms": _milliseconds,
    "percent": lambda share: f"{100 * share:.1f} %",
    "over": _over,
    "machine": _machine,
    "anchor": lambda title: re.sub(r"[^\w-]", "", title.lower().replace(" ", "-")),
    "by_turn": by_turn,
    "compared": compared,
    "starts": starts,
    "model": lambda name: name.removeprefix("faster-whisper:"),
}
