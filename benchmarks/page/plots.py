"""What several figures draw alike."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from offline_train.plots import COLOURS, GREY


def panels(count: int, height: float = 3.2) -> tuple[Figure, Sequence[Axes]]:
    """A figure with so many panels side by side."""
    figure = Figure(figsize=(9.0, height), layout="constrained")
    return figure, list(figure.subplots(1, count, squeeze=False)[0])


def grouped_bars(
    axes: Axes, groups: Sequence[str], series: Mapping[str, Sequence[float]], form: str | None = "{:.1f}"
) -> None:
    """Bars side by side, those of a series in one colour; groups along the x axis.

    Args:
        axes: to draw on.
        groups: their names.
        series: by name, a value a group.
        form: of the number above each bar; None leaves them out.
    """
    width = 0.8 / len(series)
    for index, (name, values) in enumerate(series.items()):
        at = [group + (index - (len(series) - 1) / 2) * width for group in range(len(groups))]
        bars = axes.bar(at, values, width, color=COLOURS[index % len(COLOURS)], label=name)
        if form is not None:
            axes.bar_label(bars, [form.format(value) for value in values], padding=2, fontsize=7)
    axes.set_xticks(range(len(groups)), groups)
    axes.margins(y=0.3)


def limit(axes: Axes, value: float, label: str) -> None:
    """A line across, which is not to be passed; the legend names it."""
    axes.axhline(value, color=GREY, linestyle="--", linewidth=1, zorder=0, label=label)


def plain(axis: Axis) -> None:
    """Plain numbers at the powers of ten of a logarithmic axis."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axis.set_minor_formatter(NullFormatter())
