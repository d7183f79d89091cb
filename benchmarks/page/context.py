"""What a turn costs as the conversation grows."""

from matplotlib.figure import Figure

from benchmarks.page.plots import plain
from benchmarks.page.section import Bar, Result, Section
from benchmarks.page.text import milliseconds, table
from offline_train.svg import COLOURS, GREY, MARKERS

MOST_GROWTH, LEAST_RATIO = 1.1, 50


def times(one: Result) -> dict[int, float]:
    """Turns so far -> milliseconds for the newest, of what `per_turn` gave."""
    turns = (key for key in one if key.startswith("turn_"))
    return {int(key.removeprefix("turn_").removesuffix("_ms")): one[key] for key in turns}


def recomputing(one: Result) -> dict[int, Result]:
    """Turns recomputed -> what that took, beside the incremental step."""
    return {int(key.removeprefix("turn_")): each for key, each in one["recomputing"].items()}


def bars(result: Result) -> list[Bar]:
    """Flat, faster than recomputing, and in constant memory."""
    found = []
    for window, one in result["windows"].items():
        all_done = one["conversation"]
        first, *_, last = times(all_done)
        *_, (turn, again) = recomputing(one).items()
        held = one["bytes_held"]
        few, many = (when.replace("_", " ") for when in held)
        found += [
            Bar(
                f"window {window}: turn {last:,} takes at most {MOST_GROWTH} times as long as turn {first:,}",
                f"{all_done['last_over_first']:.2f} times",
                all_done["last_over_first"] <= MOST_GROWTH,
            ),
            Bar(
                f"window {window}: at least {LEAST_RATIO} times as fast as recomputing {turn:,} turns",
                f"{again['ratio']:.0f} times",
                again["ratio"] >= LEAST_RATIO,
            ),
            Bar(
                f"window {window}: the bytes held {many} are those {few}",
                " and ".join(f"{each:,}" for each in held.values()),
                len(set(held.values())) == 1,
            ),
        ]
    return found


def tables(result: Result) -> list[str]:
    """By window: as it grows, and against recomputing."""
    windows = result["windows"].items()
    lengths = sorted({turn for _, one in windows for turn in times(one["conversation"])})
    grown, again = [], []
    for window, one in windows:
        for what, label in (("conversation", "all that is done"), ("networks", "the networks alone")):
            found = times(one[what])
            cells = ["" if turn not in found else f"{found[turn]:.2f} ms" for turn in lengths]
            grown.append([f"{window}: {label}", *cells, f"{one[what]['last_over_first']:.2f}"])
        for turn, ratio in recomputing(one).items():
            again.append(
                [
                    f"{window}: {turn:,} turns",
                    milliseconds(ratio["incremental_ms"]),
                    milliseconds(ratio["recomputed_ms"]),
                    f"{ratio['ratio']:.1f}",
                ]
            )
    return [
        "Time for the newest turn, the window full:",
        table(["window", *(f"turn {turn:,}" for turn in lengths), "last / first"], grown),
        "The networks alone, against the offline model on all turns of the conversation so far:",
        table(["window", "incremental", "recomputed", "ratio"], again),
        f"Bundle {result['bundle']}, random embeddings, one thread; medians of {result['rounds']} turns.",
    ]


def draw(result: Result) -> Figure:
    """Time for the newest turn over the length of the conversation."""
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    one: Result = {}
    for number, (window, one) in enumerate(result["windows"].items()):
        for what, line in (("conversation", "-"), ("networks", ":")):
            found = times(one[what])
            axes.plot(
                list(found), list(found.values()), color=COLOURS[number], marker=MARKERS[number],
                linestyle=line, label=f"window {window}, {'networks alone' if line == ':' else 'all'}",
            )  # fmt: skip
    again = {turn: each["recomputed_ms"] for turn, each in recomputing(one).items()}
    axes.plot(list(again), list(again.values()), color=GREY, marker="x", label="all turns recomputed")
    axes.set(xscale="log", yscale="log", xlabel="turns so far", ylabel="ms for the newest turn")
    axes.grid(alpha=0.3)
    plain(axes.xaxis)
    plain(axes.yaxis)
    figure.legend(frameon=False, loc="outside right center")
    return figure


CONTEXT = Section(
    module="context",
    title="Context",
    about=(
        "What judging the newest turn costs as the conversation grows, incrementally and by recomputing the"
        " whole conversation, and the memory that a conversation holds."
    ),
    needs=("windows", "bundle", "rounds"),
    bars=bars,
    tables=tables,
    draw=draw,
)
