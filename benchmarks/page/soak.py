"""What long runs cost: memory, turns, queues, the event loop."""

from functools import partial

from matplotlib.figure import Figure

from benchmarks.page.plots import limit, panels
from benchmarks.page.section import Bar, Result, Section
from benchmarks.page.text import milliseconds, table
from offline_train.svg import BLUE

NEEDS = ("hours", "turns_lost", "memory_growth", "most_waiting", "loop_stall_p99_ms", "holds", "parts")


def bars(least_hours: float, result: Result) -> list[Bar]:
    """As the benchmark judged them."""
    growth, holds = result["memory_growth"], result["holds"]
    hours = "24 hours" if least_hours == 24 else "1 hour"
    return [
        Bar(f"{hours} of sound", f"{result['hours']:.2f} hours", result["hours"] >= least_hours - 0.001),
        Bar(
            "memory at the end within 2 % of that after the first hour (or sixth, of shorter runs)",
            "too short to tell" if growth is None else f"{100 * growth:+.2f} %",
            holds["memory"],
        ),
        Bar(
            "no turn lost",
            f"{result['turns_lost']} of {result['turns_spoken']:,} spoken",
            holds["turns"],
        ),
        Bar(
            "no queue above its bound",
            f"{result['most_waiting']} waited at most, {result['limit_waiting']} may",
            holds["queues"],
        ),
        Bar(
            "event-loop stalls, 99th percentile: at most 20 ms",
            milliseconds(result["loop_stall_p99_ms"]),
            holds["event loop"],
        ),
    ]


def tables(result: Result) -> list[str]:
    """What each process saw."""
    rows = [
        [
            f"{number}",
            f"{part['hours']:.2f}",
            f"{part['took_s']:,.0f} s",
            f"{part['turns_spoken']:,}",
            f"{part['turns_told']:,}",
            f"{part.get('turns_joined', '')}",
            f"{part['turns_lost']}",
            f"{part.get('partials', 0):,}",
            ", ".join(f"{count:,} {what}" for what, count in part.get("shed", {}).items()),
            " -> ".join(f"{mib:,.0f}" for _, mib in (part["memory"][:1] + part["memory"][-1:])) + " MiB",
            milliseconds(part["stall_p99_ms"]),
        ]
        for number, part in enumerate(result["parts"], start=1)
    ]
    header = [
        "process",
        "hours",
        "took",
        "spoken",
        "told",
        "joined",
        "lost",
        "partials",
        "left out, as last said",
        "memory",
        "stalls p99",
    ]
    return [table(header, rows), f"{result['times_real_time']:,.0f} times as fast as real time."]


def draw(result: Result) -> Figure:
    """Memory and stalls over the hours; parts one after another."""
    figure, (memory, stalls) = panels(2, height=2.8)
    before = 0.0
    for part in result["parts"]:
        for axes, points in ((memory, part["memory"]), (stalls, part.get("stalls", []))):
            axes.plot([before + hours for hours, _ in points], [value for _, value in points], color=BLUE)
        before += part["hours"]
    memory.set(xlabel="hours of sound", ylabel="resident memory (MiB)")
    memory.set_ylim(bottom=0)
    stalls.set(xlabel="hours of sound", ylabel="event-loop stalls, p99 (ms)")
    stalls.set_ylim(bottom=0)
    limit(stalls, 20, "at most 20 ms, all in all")
    stalls.legend(frameon=False)
    return figure


SUPPLIED = Section(
    module="soak",
    title="Soak: a day, words supplied",
    about=(
        "A day of talk without an end through one session, as fast as it is taken, the words supplied:"
        " memory, turns against the truth, queues, and stalls of the event loop."
    ),
    needs=NEEDS,
    bars=partial(bars, 24),
    tables=tables,
    draw=draw,
)
RECOGNISED = Section(
    module="soak",
    title="Soak: an hour, embedded recogniser",
    about="The same for an hour, with the embedded recogniser finding the words.",
    needs=NEEDS,
    bars=partial(bars, 1),
    tables=tables,
    draw=draw,
    result="soak-pocketsphinx",
    options=("--hours", "1", "--asr", "pocketsphinx"),
)
LIVE = Section(
    module="soak",
    title="Soak: an hour, live",
    about=(
        "The same as live sound, at eight times its pace: the recogniser listens along, turns are understood"
        " ahead at their pauses, and told of while they go on."
    ),
    needs=NEEDS,
    bars=partial(bars, 1),
    tables=tables,
    draw=draw,
    result="soak-live",
    options=("--hours", "1", "--asr", "pocketsphinx", "--pace", "8"),
)
