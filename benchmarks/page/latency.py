"""How long after a turn its event leaves, with and without speculation."""

from collections.abc import Callable

from matplotlib.figure import Figure

from benchmarks.page.plots import grouped_bars, panels, plain
from benchmarks.page.section import Bar, Result, Section
from benchmarks.page.text import milliseconds, table
from offline_train.svg import GREY

MOST_MS = {"p50": 15, "p95": 50}
STEPS = {
    "endpoint": "end of the speech found -> declared over",
    "transcribe": "declared over -> words",
    "embed": "words -> embeddings",
    "context": "embeddings -> judged in context",
    "total": "declared over -> event",
}
FROM: dict[str, Callable[[Result], Result]] = {
    "declared over -> event": lambda run: run["latency_ms"]["total"],
    "true end of the speech -> event": lambda run: run["after_speech_ms"],
}
PERCENTILES = {"p50": "median", "p95": "95th percentile", "p100": "longest"}


def ways(result: Result) -> dict[str, Result]:
    """With speculation and without."""
    return {"with speculation": result, "without": result["without_speculation"]}


def bars(result: Result) -> list[Bar]:
    """From the turn declared over to its event."""
    total = result["latency_ms"]["total"]
    return [
        Bar(
            f"declared over -> event with speculation, {PERCENTILES[key]}: at most {most} ms",
            milliseconds(total[key]),
            total[key] <= most,
        )
        for key, most in MOST_MS.items()
    ]


def tables(result: Result) -> list[str]:
    """From both ends, and step by step."""
    both = ways(result)
    ends: list[list[str]] = []
    for label, of_runs in FROM.items():
        ahead, after = (of_runs(run) for run in both.values())
        ends += [
            [f"{label}, {way}", *(milliseconds(times[key]) for key in PERCENTILES)]
            for way, times in zip(both, (ahead, after), strict=True)
        ]
        ratios = (f"{after[key] / ahead[key]:.1f}" if ahead[key] else "-" for key in PERCENTILES)
        ends.append([f"{label}, without / with", *ratios])
    steps = [
        [
            what,
            *(milliseconds(run["latency_ms"][step][key]) for run in both.values() for key in ("p50", "p95")),
        ]
        for step, what in STEPS.items()
    ]
    heard = "; ".join(
        f"{way}, {run['turns']} turns found of {run['spoken']} spoken, {run['partials']} partials, the event"
        f" loop's longest stall {milliseconds(run['longest_stall_ms'])}"
        for way, run in both.items()
    )
    scenes = result["scenes"]
    return [
        table(["", *PERCENTILES.values()], ends),
        table(["step", *(f"{way}, {key}" for way in both for key in ("median", "p95"))], steps),
        f"Recogniser {result['recogniser']}, bundle {result['bundle']}; {len(scenes)} conversations:"
        f" {'; '.join(scenes)}. {heard[0].upper()}{heard[1:]}.",
    ]


def draw(result: Result) -> Figure:
    """A panel for each end that time is taken from."""
    figure, (declared, speech) = panels(2)
    both = ways(result)
    for axes, (label, of_runs) in zip((declared, speech), FROM.items(), strict=True):
        series = {way: [of_runs(run)[key] for key in PERCENTILES] for way, run in both.items()}
        grouped_bars(axes, list(PERCENTILES.values()), series, "{:,.0f}")
        axes.set(title=label, yscale="log", ylabel="ms (log)")
        axes.set_ylim(bottom=1, top=20 * max(value for values in series.values() for value in values))
        plain(axes.yaxis)
    for group, most in enumerate(MOST_MS.values()):
        at_most = declared.hlines(most, group - 0.45, group + 0.45, color=GREY, linestyle="--")
    at_most.set_label("at most")
    for axes in (declared, speech):
        axes.legend(frameon=False, loc="upper left", ncols=3)
    return figure


LATENCY = Section(
    module="latency",
    title="Latency",
    about=(
        "How long after a turn its event is handed to the outputs: assembled conversations, played in their"
        " own time through the whole pipeline, once with speculation and once without."
    ),
    needs=("latency_ms", "after_speech_ms", "without_speculation", "scenes"),
    bars=bars,
    tables=tables,
    draw=draw,
)
