"""Figures of an evaluation as SVG; the same report gives identical files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from offline_train.plots import BLUE, GREEN, GREY, ORANGE, look, save


def draw(report: Mapping[str, Any], folder: Path) -> list[Path]:
    """Draw the report of `evaluate`.

    Args:
        report: report on a bundle or on a run of any stage.
        folder: the folder of the figures; created.

    Returns:
        The files: confusion.svg and f1.svg (offline), reliability.svg, and as-streamed.svg if there is
            context.
    """
    (main,) = [report[key] for key in ("bundle_offline", "text_stage1", "speech_stage1") if key in report][:1]
    with look(font_size=10.0):
        figures = {
            "confusion.svg": confusion_matrix(main["confusion"], list(main["f1"])),
            "f1.svg": f1_by_class(main["f1"], main["weighted_f1"]),
            "reliability.svg": reliability_diagram(report["calibration"]),
        }
        if "look_ahead" in report:
            figures["as-streamed.svg"] = as_streamed(report)
        return [save(figure, folder / name) for name, figure in figures.items()]


def confusion_matrix(counts: Sequence[Sequence[int]], labels: Sequence[str]) -> Figure:
    """Counts [C, C] in cells coloured by their share of the row (the true class)."""
    table = np.array(counts)
    share = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    figure, axes = _figure(1.6 + 0.75 * len(labels), 1.2 + 0.6 * len(labels))
    image = axes.imshow(share, cmap="cividis", vmin=0, vmax=1, aspect="auto")
    for (row, column), count in np.ndenumerate(table):
        colour = "black" if share[row, column] > 0.5 else "white"
        text = f"{count}\n{100 * share[row, column]:.0f} %"
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)
    axes.set_xticks(range(len(labels)), labels, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(labels)), labels)
    axes.set(xlabel="predicted", ylabel="true")
    figure.colorbar(image, ax=axes, label="share of the true emotion")
    return figure


def f1_by_class(f1: Mapping[str, float], weighted: float) -> Figure:
    """F1 of every emotion in percent, and the weighted mean."""
    figure, axes = _figure(6.0, 1.2 + 0.4 * len(f1))
    bars = axes.barh(range(len(f1)), list(f1.values()), color=BLUE)
    axes.bar_label(bars, fmt="%.1f", padding=3)
    axes.set_yticks(range(len(f1)), list(f1))
    axes.invert_yaxis()
    axes.axvline(weighted, color=ORANGE, linestyle="--", zorder=0, label=f"weighted {weighted:.1f}")
    axes.set(xlabel="F1 (%)", xlim=(0, 105))
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), frameon=False)
    return figure


def reliability_diagram(calibration: Mapping[str, Any]) -> Figure:
    """Accuracy against confidence by bin, without and with the temperature."""
    figure, axes = _figure(5.0, 4.6)
    axes.plot([0, 100], [0, 100], color=GREY, linestyle=":", label="perfect")
    lines = [("bins", "ece", ORANGE, "as found")]
    if calibration["temperature"] is not None:
        lines.append(
            ("bins_calibrated", "ece_calibrated", BLUE, f"temperature {calibration['temperature']:.2f}")
        )
    for (bins, ece, colour, name), marker in zip(lines, "os", strict=False):
        filled = [each for each in calibration[bins] if each["count"]]
        axes.plot(
            [each["confidence"] for each in filled],
            [each["accuracy"] for each in filled],
            color=colour,
            marker=marker,
            label=f"{name}: calibration error {calibration[ece]:.1f}",
        )
    axes.set(xlabel="confidence (%)", ylabel="accuracy (%)", xlim=(0, 100), ylim=(0, 100))
    axes.legend(loc="upper left", frameon=False)
    return figure


def as_streamed(report: Mapping[str, Any]) -> Figure:
    """Weighted F1 against look-ahead, and against the window, beside the offline figure."""
    figure = Figure(figsize=(9.0, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    offline = report["bundle_offline"]["weighted_f1"]
    for axes in (left, right):
        axes.axhline(offline, color=GREY, linestyle=":", label=f"offline {offline:.1f}")
    ahead = report["look_ahead"]
    left.plot(
        [int(turns) for turns in ahead], list(ahead.values()), color=BLUE, marker="o", label="look-ahead"
    )
    left.set(xlabel="turns of look-ahead", ylabel="weighted F1 (%)", xticks=[int(turns) for turns in ahead])
    sizes = sorted(report["windows"], key=int)
    for key, name, colour, marker in (
        ("first_emission", "first emission", ORANGE, "o"),
        ("final", "last said before it leaves", GREEN, "s"),
    ):
        values = [report["windows"][size][key] for size in sizes]
        right.plot(range(len(sizes)), values, color=colour, marker=marker, label=name)
    right.set_xticks(range(len(sizes)), sizes)
    right.set(xlabel="turns in the window")
    for axes in (left, right):
        axes.legend(frameon=False)
    return figure


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()
