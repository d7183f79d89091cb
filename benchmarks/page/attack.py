"""What honest clients notice of attackers."""

from typing import Any

from matplotlib.figure import Figure

from benchmarks.attack import ALONE
from benchmarks.page.plots import grouped_bars, limit, panels, plain
from benchmarks.page.section import Bar, Result, Section
from benchmarks.page.text import milliseconds, table

P95_MS, LIVEZ_MS, MEMORY_MIB = 300.0, 100.0, 300.0


def bars(result: Result) -> list[Bar]:
    """Nothing lost, p95, `/livez`, memory: of the worst case."""
    cases: dict[str, dict[str, Any]] = result["cases"]
    lost = {name: case["turns_lost"] + case["events_lost"] + case["gaps"] for name, case in cases.items()}
    slowest = max(cases, key=lambda name: cases[name]["p95_ms"])
    held_up = max(cases, key=lambda name: cases[name]["livez_max_ms"])
    beyond_ms = cases[held_up]["livez_max_ms"] - cases[ALONE]["livez_max_ms"]
    grown = max(case["memory_growth_mib"] for case in cases.values())
    return [
        Bar(
            "honest streams lose nothing beside any attack",
            f"{sum(lost.values())} turns, events and sounds",
            not any(lost.values()),
        ),
        Bar(
            "their p95 from a turn declared over to its event received stays under 300 ms",
            f"{milliseconds(cases[slowest]['p95_ms'])}, {slowest}",
            cases[slowest]["p95_ms"] < P95_MS,
        ),
        Bar(
            "`/livez` is never held up by more than 100 ms beyond what it takes without",
            f"{milliseconds(beyond_ms)}, {held_up}",
            beyond_ms < LIVEZ_MS,
        ),
        Bar("memory grows by less than 300 MiB", f"{grown:.0f} MiB", grown < MEMORY_MIB),
    ]


def tables(result: Result) -> list[str]:
    """Each attack."""
    rows = [
        [
            name,
            str(case["turns"]),
            str(case["turns_lost"]),
            str(case["events_lost"]),
            milliseconds(case["p50_ms"]),
            milliseconds(case["p95_ms"]),
            milliseconds(case["livez_p99_ms"]),
            milliseconds(case["livez_max_ms"]),
            f"{case['memory_growth_mib']:+.0f} MiB",
            str(case["cores_busy"]),
        ]
        for name, case in result["cases"].items()
    ]
    head = ["attackers", "turns", "turns lost", "events lost", "median", "p95", "`/livez` p99", "at most"]
    return [
        table([*head, "memory", "cores busy"], rows),
        f"The server logged {result['log_lines']} lines meanwhile.",
    ]


def draw(result: Result) -> Figure:
    """p95 and the longest `/livez`, a pair of bars an attack."""
    cases = result["cases"]
    figure, [axes] = panels(1)
    series = {"event, p95": "p95_ms", "/livez, at most": "livez_max_ms"}
    values = {label: [case[key] for case in cases.values()] for label, key in series.items()}
    grouped_bars(axes, list(cases), values, "{:.0f}")
    axes.set(ylabel="ms", yscale="log")
    plain(axes.yaxis)
    limit(axes, P95_MS, "300 ms")
    axes.legend(frameon=False, fontsize=7)
    return figure


ATTACK = Section(
    module="attack",
    title="Attackers",
    about=(
        "What eight honest clients of `merits serve`, at real-time pace and without a recogniser, notice of"
        " attackers in a process of their own: each kind of attack with ten clients (half-open connections:"
        " 3,000), then all of them together."
    ),
    needs=("cases", "log_lines"),
    bars=bars,
    tables=tables,
    draw=draw,
)
