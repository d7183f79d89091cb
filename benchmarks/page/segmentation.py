"""How well turns are found."""

from matplotlib.figure import Figure

from benchmarks.page.plots import grouped_bars, limit, panels
from benchmarks.page.section import Bar, Result, Section
from benchmarks.page.text import percent, table
from offline_train.svg import BLUE, ORANGE

MOST_ERRORS, LEAST_RIGHT = 0.15, 0.95
JUDGED = ("clean", "noise at 10 dB")
ENDS = {"start_within_150_ms": "starts within 150 ms", "end_within_250_ms": "ends within 250 ms"}


def bars(result: Result) -> list[Bar]:
    """On the meetings, and on conversations without a room."""
    errors = result["meetings"]["missed_plus_false_alarm"]
    found = [
        Bar("meetings: missed speech + false alarm at most 15 %", percent(errors), errors <= MOST_ERRORS)
    ]
    for name in JUDGED:
        one = result["assembled"][name]
        right = ", ".join(percent(one[key]) for key in ENDS)
        found += [
            Bar(
                f"{name}: every turn found",
                f"{one['spoken'] - one['unfound']} of {one['spoken']}",
                one["unfound"] == 0,
            ),
            Bar(
                f"{name}: 95 % of starts within 150 ms, and of ends within 250 ms",
                right,
                all(one[key] >= LEAST_RIGHT for key in ENDS),
            ),
        ]
    return found


def tables(result: Result) -> list[str]:
    """Meetings, assembled conversations, single clips, cost."""
    meetings = result["meetings"]
    files = [
        [name, str(one["turns"]), *(f"{one[key]:.1f} s" for key in ("speech_s", "missed_s", "false_alarm_s"))]
        for name, one in meetings["files"].items()
    ]
    files.append(["all", "", "", percent(meetings["missed"]), percent(meetings["false_alarm"])])
    assembled = [
        [
            name,
            *(str(one[key]) for key in ("spoken", "unfound", "extra")),
            *(percent(one[key]) for key in ENDS),
            *(f"{1e3 * one[key]:+.0f} ms" for key in ("start_median_s", "end_median_s")),
        ]
        for name, one in result["assembled"].items()
    ]
    acted, speechless, cost = (result[key] for key in ("acted_clips", "speechless", "cost"))
    return [
        table(["meeting", "turns", "speech", "missed", "false alarm"], files),
        table(
            ["assembled", "turns", "unfound", "extra", *ENDS.values(), "start, median", "end, median"],
            assembled,
        ),
        f"{acted['with_a_turn']} of {acted['clips']} clips of acted speech give a turn, and"
        f" {speechless['with_a_turn']} of {speechless['clips']} recordings without speech. The detector"
        f" takes {percent(cost['real_time_factor'])} of real time. Its settings were tuned on these same"
        " meetings, sentences and noise: expect less elsewhere.",
    ]


def draw(result: Result) -> Figure:
    """Errors by meeting, and turns found by condition."""
    figure, (meetings, assembled) = panels(2, height=3.4)
    files = result["meetings"]["files"]
    missed, added = (
        [100 * one[key] / one["speech_s"] for one in files.values()] for key in ("missed_s", "false_alarm_s")
    )
    meetings.bar(list(files), missed, color=BLUE, label="missed")
    meetings.bar(list(files), added, bottom=missed, color=ORANGE, label="false alarm")
    meetings.set(title="meetings", ylabel="% of the speech")
    limit(meetings, 100 * MOST_ERRORS, "at most, over all meetings")
    conditions = result["assembled"]
    found = {"found": [100 * (1 - one["unfound"] / one["spoken"]) for one in conditions.values()]}
    found |= {label: [100 * one[key] for one in conditions.values()] for key, label in ENDS.items()}
    grouped_bars(assembled, [name.replace(", ", ",\n") for name in conditions], found, None)
    assembled.set(title="assembled conversations", ylabel="% of turns", ylim=(50, 101))
    limit(assembled, 100 * LEAST_RIGHT, "at least, clean and with noise at 10 dB")
    for axes in (meetings, assembled):
        axes.tick_params(axis="x", labelsize=7, rotation=30)
        axes.legend(frameon=False, fontsize=7, loc="lower center", bbox_to_anchor=(0.5, 1.08), ncols=2)
    return figure


SEGMENTATION = Section(
    module="segmentation",
    title="Segmentation",
    about=(
        "How well turns are found: missed speech and false alarm on real meetings, and the places of starts"
        " and ends on conversations assembled from real sentences, with noise and in rooms."
    ),
    needs=("meetings", "assembled", "acted_clips", "speechless", "cost"),
    bars=bars,
    tables=tables,
    draw=draw,
)
