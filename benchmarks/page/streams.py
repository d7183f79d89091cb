"""How many live streams are held at once."""

from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from benchmarks.page.plots import limit, panels, plain
from benchmarks.page.section import Bar, Result, Section
from benchmarks.page.text import milliseconds, table
from offline_train.svg import COLOURS, MARKERS

LEAST = {"embedded recogniser": 8, "words supplied": 100}
P95_MS = 300
WEBSOCKETS = "websockets, no recogniser"


def settings(result: Result) -> dict[str, Result]:
    """Those that were tried, by name: each with its ways of embedding."""
    return {name: result[name] for name in LEAST if name in result}


def limited_by(found: Result) -> str:
    """What keeps the next number of streams from being held."""
    if found["limit"] is None:
        return f"nothing up to {found['held']} streams, the most that were tried"
    return str(found["limit"])


def bars(result: Result) -> list[Bar]:
    """Streams held, batched."""
    return [
        Bar(
            f"{name}: at least {least} streams with p95 under {P95_MS} ms and nothing shed",
            f"{result[name]['batched']['held']}, limited by {limited_by(result[name]['batched'])}",
            result[name]["batched"]["held"] >= least,
        )
        for name, least in LEAST.items()
        if name in result
    ]


def tables(result: Result) -> list[str]:
    """What is held, and each number that was tried."""
    held, tried = [], []
    for name, ways in settings(result).items():
        for way, found in ways.items():
            held.append([f"{name}, {way}", str(found["held"]), limited_by(found)])
            tried += [[f"{name}, {way}", *_step(step)] for step in found["steps"]]
        if len(ways) == 2:
            batched, alone = (ways[way]["held"] for way in ("batched", "one by one"))
            ratio = f"{batched / alone:.2f}" if alone else "-"
            held.append([f"{name}, batched / one by one", ratio, ""])
    served = result[WEBSOCKETS]
    return [
        table(["words, embedding", "streams held", "limited by"], held),
        "What limits is the busiest stage at the first number that is not held. A turn is lost when none of"
        " it is told, and joined when it is told as the end of the one before. Every number that was tried:",
        table(
            ["words, embedding", "streams", "held", "median", "p95", "lost", "joined", "shed", "held back",
             "loop stall p99", "cores busy"],
            tried,
        ),
        f"Over websockets, {served['streams']} clients of a `merits serve` in a process of its own, without"
        f" a recogniser: median {milliseconds(served['p50_ms'])}, p95 {milliseconds(served['p95_ms'])} over"
        f" {served['turns']} turns, {served['gaps']} gaps.",
    ]  # fmt: skip


def _step(step: dict[str, Any]) -> list[str]:
    shed = ", ".join(f"{count} {name}" for name, count in step["shed"].items())
    busy = ", ".join(f"{stage} {cores:.2f}" for stage, cores in step["cores_busy"].items() if cores >= 0.01)
    return [
        str(step["streams"]),
        "yes" if step["held"] else "no",
        milliseconds(step["p50_ms"]),
        milliseconds(step["p95_ms"]),
        str(step["turns_lost"]),
        str(step["turns_joined"]),
        shed or "0",
        f"{step['held_back_s']:.1f} s",
        milliseconds(step["loop_stall_p99_ms"]),
        busy,
    ]


def draw(result: Result) -> Figure:
    """p95 against the number of streams, a panel a recogniser; what is not held is hollow."""
    tried = settings(result)
    figure, all_axes = panels(max(len(tried), 1))
    for axes, (name, ways) in zip(all_axes, tried.items(), strict=False):
        for number, (way, found) in enumerate(ways.items()):
            colour, marker = COLOURS[number], MARKERS[number]
            steps = found["steps"]
            counts, p95 = [step["streams"] for step in steps], [step["p95_ms"] for step in steps]
            label = f"{way}: {found['held']} held; limit: {found['limit'] or 'none found'}"
            axes.plot(counts, p95, color=colour, label=label)
            for step in steps:
                face = colour if step["held"] else "white"
                axes.plot(step["streams"], step["p95_ms"], marker, color=colour, markerfacecolor=face)
        axes.set(title=name, xlabel="streams (hollow: not held)", ylabel="p95, declared over -> event (ms)")
        axes.set(yscale="log")
        axes.set_xlim(left=0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.margins(y=0.3)
        plain(axes.yaxis)
        limit(axes, P95_MS, "300 ms")
        axes.legend(frameon=False, fontsize=7, loc="upper left")
    return figure


STREAMS = Section(
    module="streams",
    title="Streams",
    about=(
        "How many streams at real-time pace one process holds (p95 under 300 ms from a turn declared over to"
        " its event, no turn lost, nothing shed, no source held back by more than a second), embedding in"
        " batches over streams and one by one."
    ),
    needs=(WEBSOCKETS,),
    bars=bars,
    tables=tables,
    draw=draw,
)
