"""The figures as SVG; the same numbers give identical files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from offline_train.plots import COLOURS, MARKERS, look, save


@dataclass(frozen=True)
class Point:
    """A mean with its standard deviation.

    Attributes:
        name: its name.
        x: its position, if x is a quantity.
        mean: mean of a score in percent.
        std: standard deviation over seeds; None for one seed.
    """

    name: str
    x: float
    mean: float
    std: float | None


@dataclass(frozen=True)
class Guidance:
    """Scores on a corpus after pre-training on labels of several annotators.

    Attributes:
        points: scores; x is the annotator's agreement with human labels in percent.
        without: mean without pre-training.
    """

    points: Sequence[Point]
    without: float


def guidance_of(summary: Mapping[str, Any]) -> Guidance | None:
    """The data in the summary of experiment `annotators`; None for another, or without agreements."""
    rows = {row["name"]: row for row in summary["rows"]}
    points = [
        Point(name, row["agreement"], *(row["test"]["weighted_f1"][key] for key in ("mean", "std")))
        for name, row in rows.items()
        if row.get("agreement") is not None and not name.endswith(", II")
    ]
    return Guidance(points, rows["none"]["test"]["weighted_f1"]["mean"]) if points else None


def draw_guidance(by_corpus: Mapping[str, Guidance], path: Path) -> None:
    """Weighted F1 against the agreement with human labels, a panel per corpus (the paper's Figure 3)."""
    with look():
        figure = Figure(figsize=(3.4 * len(by_corpus), 3.0), layout="constrained")
        panels = figure.subplots(1, len(by_corpus), squeeze=False)[0]
        for number, (axes, (corpus, guidance)) in enumerate(zip(panels, by_corpus.items(), strict=True)):
            points = sorted(guidance.points, key=lambda point: point.x)
            _line(axes, [point.x for point in points], points, number)
            for point in points:
                axes.annotate(
                    point.name, (point.x, point.mean), (0, 8), textcoords="offset points", ha="center"
                )
            axes.axhline(guidance.without, color="0.4", linestyle="--", linewidth=1)
            axes.annotate("without pre-training", (0.02, guidance.without), (0, 3), color="0.3",
                          xycoords=("axes fraction", "data"), textcoords="offset points")  # fmt: skip
            axes.set(title=corpus, xlabel="agreement with people, %")
            axes.margins(0.15, 0.2)
        panels[0].set_ylabel("test weighted F1, text Stage I")
        save(figure, path)


def draw_bars(groups: Mapping[str, Sequence[Point]], path: Path) -> None:
    """Bars, a group per corpus (the paper's Figure 4); each group has the same names."""
    with look():
        figure = Figure(figsize=(1.5 + 1.7 * len(groups), 3.0), layout="constrained")
        axes: Axes = figure.subplots()
        names = list(dict.fromkeys(point.name for points in groups.values() for point in points))
        width = 0.8 / len(names)
        for index, name in enumerate(names):
            found = [(at, p) for at, points in enumerate(groups.values()) for p in points if p.name == name]
            bars = axes.bar(
                [at + (index - (len(names) - 1) / 2) * width for at, _ in found],
                [point.mean for _, point in found],
                width,
                yerr=[point.std or 0.0 for _, point in found],
                color=COLOURS[index % len(COLOURS)], capsize=3, label=name,
            )  # fmt: skip
            axes.bar_label(bars, [f"{point.mean:.1f}" for _, point in found], padding=2, fontsize=7)
        lowest = min(point.mean for points in groups.values() for point in points)
        axes.set_ylim(bottom=max(0.0, 10 * (lowest // 10 - 1)))
        axes.set_xticks(range(len(groups)), list(groups))
        axes.set_ylabel("test weighted F1")
        axes.legend(frameon=False, ncols=len(names), loc="lower center", bbox_to_anchor=(0.5, 1.0))
        save(figure, path)


def draw_lines(lines: Mapping[str, Sequence[Point]], label: str, path: Path) -> None:
    """Weighted F1 over a quantity, a line per kind of run.

    Args:
        lines: points by name of the line; the name of a point is its tick.
        label: name of the quantity.
        path: the file.
    """
    with look():
        figure = Figure(figsize=(4.6, 3.0), layout="constrained")
        axes: Axes = figure.subplots()
        ticks = list(dict.fromkeys(point.name for points in lines.values() for point in points))
        for number, (name, points) in enumerate(lines.items()):
            _line(axes, [ticks.index(point.name) for point in points], points, number, name)
        axes.set_xticks(range(len(ticks)), ticks)
        axes.set(xlabel=label, ylabel="test weighted F1")
        figure.legend(frameon=False, loc="outside right center")
        save(figure, path)


def _line(
    axes: Axes, at: Sequence[float], points: Sequence[Point], number: int, name: str | None = None
) -> None:
    """Means with standard deviations, with colour and marker by number."""
    axes.errorbar(
        at,
        [point.mean for point in points],
        [point.std or 0.0 for point in points],
        color=COLOURS[number % len(COLOURS)], marker=MARKERS[number % len(MARKERS)], capsize=3, label=name,
    )  # fmt: skip
