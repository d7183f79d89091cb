"""Whether an 8-bit text encoder pays."""

from matplotlib.figure import Figure

from benchmarks.page.plots import grouped_bars, panels
from benchmarks.page.section import Bar, Result, Section
from benchmarks.page.text import milliseconds, table

PLAIN = "float32"
PARTS = ("validation", "test")


def bars(result: Result) -> list[Bar]:
    """None must hold: it is a question, which the table answers."""
    del result
    return []


def tables(result: Result) -> list[str]:
    """Speed and weighted F1."""
    encoders = result["encoders"]
    plain = encoders[PLAIN]
    rows = [
        [
            name,
            milliseconds(one["one_ms"]),
            milliseconds(one["batch_ms"]),
            f"{plain['batch_ms'] / one['batch_ms']:.2f}",
            *(f"{one['weighted_f1'][part]:.2f}" for part in PARTS),
            *(f"{one['weighted_f1'][part] - plain['weighted_f1'][part]:+.2f}" for part in PARTS),
        ]
        for name, one in encoders.items()
    ]
    paying = [
        name
        for name, one in encoders.items()
        if name != PLAIN and one["within_0.2"] and one["batch_ms"] < plain["batch_ms"]
    ]
    answer = (
        f"It pays as {' and as '.join(paying)}."
        if paying
        else "It does not pay: the encoder stays in float32."
    )
    header = ["encoder", "one utterance", f"batch of {result['batch']}", "times as fast", *PARTS]
    return [
        table([*header, *(f"{part}, difference" for part in PARTS)], rows),
        f"Weighted F1 on MELD, bundle {result['bundle']}. An 8-bit encoder pays where it is faster and"
        f" weighted F1 stays within 0.2 on both parts. {answer}",
    ]


def draw(result: Result) -> Figure:
    """Time relative to float32, and weighted F1."""
    figure, (speed, scores) = panels(2, height=2.8)
    encoders = result["encoders"]
    plain = encoders[PLAIN]
    batch = f"batch of {result['batch']}"
    grouped_bars(
        speed,
        list(encoders),
        {
            label: [one[key] / plain[key] for one in encoders.values()]
            for label, key in (("one utterance", "one_ms"), (batch, "batch_ms"))
        },
        "{:.2f}",
    )
    speed.set(ylabel="time, relative to float32")
    f1 = {part: [one["weighted_f1"][part] for one in encoders.values()] for part in PARTS}
    grouped_bars(scores, list(encoders), f1)
    lowest = min(value for values in f1.values() for value in values)
    scores.set(ylabel="weighted F1 on MELD")
    highest = max(value for values in f1.values() for value in values)
    scores.set_ylim(bottom=5 * (lowest // 5 - 1), top=highest + 2.5)
    for axes in (speed, scores):
        axes.legend(frameon=False, fontsize=7, loc="upper right", ncols=2)
    return figure


QUANTISATION = Section(
    module="quantisation",
    title="Quantisation",
    about="The text encoder with its weights in 8 bits against float32: time, and weighted F1 of the bundle.",
    needs=("encoders", "bundle", "batch"),
    bars=bars,
    tables=tables,
    draw=draw,
)
