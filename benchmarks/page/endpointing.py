"""When turns are declared over: adaptive against fixed."""

from matplotlib.figure import Figure

from benchmarks.page.plots import panels
from benchmarks.page.section import Bar, Result, Section
from benchmarks.page.text import milliseconds, percent, table
from offline_train.svg import COLOURS, GREY, MARKERS

SETS = ("one channel", "a channel each", "meetings")
SHIPPED = "words from pocketsphinx"


def bars(result: Result) -> list[Bar]:
    """The adaptive rule with the embedded recogniser's words, against the fixed rule's curve."""
    return [
        Bar(
            f"{name}: the adaptive rule cuts fewer turns than the fixed one that waits as long",
            f"{percent(one['cut'])} against {percent(one['fixed_cut_at_this_delay'])}",
            one["cut"] < one["fixed_cut_at_this_delay"],
        )
        for name in SETS
        for one in [result[name]["adaptive"][SHIPPED]]
    ]


def tables(result: Result) -> list[str]:
    """A table a set of recordings."""
    told = []
    for name in SETS:
        turns = max(one["turns"] for one in result[name]["fixed"].values())
        told += [f"{name[0].upper()}{name[1:]}, {turns} turns:", _table(result[name])]
    waits = result["settings"]
    return [
        *told,
        "Cut: declared over before the last word. Run together: its end was never declared, since the next"
        " turn came first. At this delay, at this cut: what the fixed rule does, read off its curve.",
        f"Adaptive waits are between {waits['endpoint_min_ms']} and {waits['endpoint_max_ms']} ms; words"
        f" come {result['hint_delay_ms']} ms after a pause is noticed. Tuned on {result['tuned_on']};"
        f" reported on {result['reported_on']}.",
    ]


def _table(result: Result) -> str:
    header = [
        "rule",
        "mean delay",
        "cut in two",
        "run together",
        "fixed: cut at this delay",
        "delay at this cut",
    ]
    rows = [
        [f"fixed, {wait} ms", milliseconds(one["delay_ms"]), *_shares(one), "", ""]
        for wait, one in result["fixed"].items()
    ]
    rows += [
        [
            f"adaptive, {words}",
            milliseconds(one["delay_ms"]),
            *_shares(one),
            percent(one["fixed_cut_at_this_delay"]),
            milliseconds(one["fixed_delay_ms_at_this_cut"]),
        ]
        for words, one in result["adaptive"].items()
    ]
    return table(header, rows)


def _shares(one: Result) -> list[str]:
    return [percent(one["cut"]), percent(one["run_together"])]


def draw(result: Result) -> Figure:
    """Delay against cuts: the fixed rule's curve, and the adaptive rule's points."""
    figure, all_axes = panels(len(SETS), height=3.4)
    words_known = list(dict.fromkeys(words for name in SETS for words in result[name]["adaptive"]))
    for axes, name in zip(all_axes, SETS, strict=True):
        fixed = result[name]["fixed"]
        points = [(one["delay_ms"], 100 * one["cut"]) for one in fixed.values()]
        axes.plot(*zip(*points, strict=True), color=GREY, marker="o", label="fixed")
        for at, wait in zip(points, fixed, strict=True):
            axes.annotate(wait, at, (3, 4), textcoords="offset points", color=GREY, fontsize=7)
        for words, one in result[name]["adaptive"].items():
            number = words_known.index(words)
            axes.plot(
                one["delay_ms"], 100 * one["cut"], MARKERS[1 + number], markersize=8, color=COLOURS[number],
                label=f"adaptive, {words}",
            )  # fmt: skip
        axes.set(title=name, xlabel="mean delay (ms)", ylabel="turns cut in two (%)")
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
    named = {
        label: line
        for axes in all_axes
        for line, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(list(named.values()), list(named), frameon=False, ncols=4, loc="outside lower center")
    return figure


ENDPOINTING = Section(
    module="endpointing",
    title="End-pointing",
    about=(
        "When turns are declared over, by silences of fixed length and by the adaptive rule on the same"
        " recordings: the mean delay from the end of the speech, against the share of turns cut in two."
    ),
    needs=SETS,
    bars=bars,
    tables=tables,
    draw=draw,
)
