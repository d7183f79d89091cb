"""What became of the turns while programs and the broker were killed."""

from matplotlib.figure import Figure

from benchmarks.page.section import Bar, Result, Section
from benchmarks.page.text import table
from offline_train.svg import BLUE

LEAST = 1000
CLAIMS = {
    "lost": "no turn lost that was published",
    "duplicates_after": "none twice, told apart by session and seq",
    "out_of_order": "the turns of a session in their order",
    "broken_lines": "whole lines in the files of events",
    "tracebacks": "no traceback",
}
KILLED = {
    "kills_of_program": "programs that play back",
    "kills_of_whole_program": "programs that analyze",
    "kills_of_broker": "the broker",
}


def bars(result: Result) -> list[Bar]:
    """As the benchmark judged them."""
    kills = Bar(f"{LEAST:,} kills at least", f"{result['kills']:,}", result["kills"] >= LEAST)
    return [
        kills,
        *(Bar(claim, f"{result[name]:,}", result["holds"][name]) for name, claim in CLAIMS.items()),
    ]


def tables(result: Result) -> list[str]:
    """Who was killed, and what arrived."""
    killed = [[what, f"{result[name]:,}"] for name, what in KILLED.items()]
    turns = [
        ["published", f"{result['published']:,}"],
        ["received", f"{result['received']:,}"],
        ["of those, another time", f"{result['duplicates_before']:,}"],
    ]
    return [
        table(["killed", "times"], killed),
        table(["turns and revisions", "count"], turns),
        f"{result['runs']:,} runs of programs in {result['took_s']:,.0f} s; seed {result['seed']}.",
    ]


def draw(result: Result) -> Figure:
    """Who was killed how often."""
    figure = Figure(figsize=(6.4, 1.8), layout="constrained")
    axes = figure.subplots()
    axes.barh(list(KILLED.values()), [result[name] for name in KILLED], color=BLUE)
    axes.invert_yaxis()
    axes.set(xlabel="kills")
    return figure


KILLS = Section(
    module="kills",
    title="Kills",
    about=(
        "Conversations told to a broker and to files while programs and the broker are killed (SIGKILL) at"
        " random moments and started again; then what arrived is held against what stands in the files."
    ),
    needs=("kills", "published", "received", *CLAIMS, "holds", "seed"),
    bars=bars,
    tables=tables,
    draw=draw,
)
