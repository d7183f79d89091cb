"""The page: docs/benchmarks.md and its figures."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.page.attack import ATTACK
from benchmarks.page.context import CONTEXT
from benchmarks.page.endpointing import ENDPOINTING
from benchmarks.page.kills import KILLS
from benchmarks.page.latency import LATENCY
from benchmarks.page.quantisation import QUANTISATION
from benchmarks.page.recognition import RECOGNITION
from benchmarks.page.section import Bar, Result, Section
from benchmarks.page.segmentation import SEGMENTATION
from benchmarks.page.soak import LIVE, RECOGNISED, SUPPLIED
from benchmarks.page.startup import STARTUP
from benchmarks.page.streams import STREAMS
from benchmarks.page.text import table
from offline_train.svg import look, save

SECTIONS = (
    LATENCY,
    CONTEXT,
    STREAMS,
    ATTACK,
    SUPPLIED,
    RECOGNISED,
    LIVE,
    KILLS,
    ENDPOINTING,
    STARTUP,
    SEGMENTATION,
    RECOGNITION,
    QUANTISATION,
)
ABOUT = """# Benchmarks

Written by `python -m benchmarks.tables` (`make bench` measures everything first) from the files in
[benchmarks/results](../benchmarks/results/); edit neither by hand. Comparisons are ratios within one run.
What must hold is said with each benchmark, and whether it does."""


def page(results: Path, figures: Path | None = None) -> str:
    """The page, in Markdown.

    Args:
        results: the folder of JSON files.
        figures: folder to draw into, beside the page; None leaves the figures as they are.

    Raises:
        ValueError: a result is damaged; says which, and what to do.
    """
    found = [(section, section.read(results)) for section in SECTIONS]
    parts = [ABOUT, _overview(found)]
    for section, result in found:
        parts += [f"## {section.title}", section.about]
        if result is None:
            parts.append(f"Not measured yet; `{section.command}` does it.")
            continue
        parts += _told(section, result)
        if figures is not None:
            with look():
                save(section.draw(result), figures / f"{section.name}.svg")
    parts += _packages(found)
    return "\n\n".join(parts) + "\n"


def machine(described: dict[str, Any]) -> str:
    """In a line."""
    memory = described["memory_gib"]
    size = "" if memory is None else f", {memory:.0f} GiB"
    python = f"Python {described['python']}"
    return f"{described['cores']} cores ({described['cpu']}){size}, {described['system']}, {python}"


def _overview(found: Sequence[tuple[Section, Result | None]]) -> str:
    rows = []
    for section, result in found:
        anchor = re.sub(r"[^\w-]", "", section.title.lower().replace(" ", "-"))
        met = "not measured yet" if result is None else _met(section.bars(result))
        rows.append([f"[{section.title}](#{anchor})", met])
    return table(["benchmark", "what must hold"], rows)


def _met(bars: Sequence[Bar]) -> str:
    if not bars:
        return "nothing in particular"
    return f"{sum(bar.met for bar in bars)} of {len(bars)} met"


def _told(section: Section, result: Result) -> list[str]:
    bars = [
        f"- {'met' if bar.met else '**not met**'}: {bar.claim} ({bar.measured})"
        for bar in section.bars(result)
    ]
    figure = f"![{section.title}](figures/{section.name}.svg)"
    source = f"By `{result['command']}`, on {machine(result['machine'])}."
    return [*(["\n".join(bars)] if bars else []), figure, *section.tables(result), source]


def _packages(found: Sequence[tuple[Section, Result | None]]) -> list[str]:
    """Versions, where anything was measured."""
    told: dict[str, list[str]] = {}
    for section, result in found:
        if result is not None:
            versions = result["machine"]["packages"].items()
            line = ", ".join(f"{name} {version}" for name, version in versions)
            told.setdefault(line, []).append(section.name)
    lines = [f"- {', '.join(names)}: {line}" for line, names in told.items()]
    return ["## Packages", "\n".join(lines)] if lines else []
