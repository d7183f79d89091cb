"""The figures of the page, a function a benchmark, drawn within `offline_train.plots.look`.

The limits that they show are those of the claims in the templates.
"""

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from benchmarks.page.plots import grouped_bars, limit, panels, plain
from offline_train.plots import BLUE, COLOURS, GREY, MARKERS, ORANGE

Result = Mapping[str, Any]
"""What a benchmark wrote."""

RECORDINGS = ("one channel", "a channel each", "meetings")
"""On which end-pointing is measured."""


def by_turn(found: Mapping[str, Any]) -> dict[int, Any]:
    """What `benchmarks.context` found, by the number of turns in its keys, `turn_100` or `turn_100_ms`."""
    return {int(key.split("_")[1]): value for key, value in found.items() if key.startswith("turn_")}


def starts(result: Result) -> dict[str, float]:
    """What `benchmarks.startup` started, and the seconds it took."""
    waits = {
        "listening": "it listens",
        "sound accepted": "sound is accepted",
        "session.started": "models loaded, source open",
        "turn.started": "frames analyzed, speech found",
    }
    return {
        "merits --help": result["help_s"],
        **{
            f"merits {command}: {what}": took[event]
            for command in ("serve", "analyze", "listen")
            if (took := result.get(f"{command}_s"))
            for event, what in waits.items()
            if event in took
        },
    }


def latency(result: Result) -> Figure:
    """A panel for each end that time is taken from."""
    figure, (declared, speech) = panels(2)
    percentiles = {"p50": "median", "p95": "95th percentile", "p100": "longest"}
    runs = {"with speculation": result, "without": result["without_speculation"]}
    times = {
        "declared over -> event": {way: run["latency_ms"]["total"] for way, run in runs.items()},
        "true end of the speech -> event": {way: run["after_speech_ms"] for way, run in runs.items()},
    }
    for axes, (label, by_way) in zip((declared, speech), times.items(), strict=True):
        series = {way: [found[key] for key in percentiles] for way, found in by_way.items()}
        grouped_bars(axes, list(percentiles.values()), series, "{:,.0f}")
        axes.set(title=label, yscale="log", ylabel="ms (log)")
        axes.set_ylim(bottom=1, top=20 * max(value for values in series.values() for value in values))
        plain(axes.yaxis)
    for group, most in enumerate((10, 50)):
        at_most = declared.hlines(most, group - 0.45, group + 0.45, color=GREY, linestyle="--")
    at_most.set_label("at most")
    for axes in (declared, speech):
        axes.legend(frameon=False, loc="upper left", ncols=3)
    return figure


def context(result: Result) -> Figure:
    """Time for the newest turn over the length of the conversation."""
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    one: Result = {}
    for number, (window, one) in enumerate(result["windows"].items()):
        for what, line in (("conversation", "-"), ("networks", ":")):
            found = by_turn(one[what])
            axes.plot(
                list(found), list(found.values()), color=COLOURS[number], marker=MARKERS[number],
                linestyle=line, label=f"window {window}, {'networks alone' if line == ':' else 'all'}",
            )  # fmt: skip
    again = {turn: each["recomputed_ms"] for turn, each in by_turn(one["recomputing"]).items()}
    axes.plot(list(again), list(again.values()), color=GREY, marker="x", label="all turns recomputed")
    axes.set(xscale="log", yscale="log", xlabel="turns so far", ylabel="ms for the newest turn")
    axes.grid(alpha=0.3)
    plain(axes.xaxis)
    plain(axes.yaxis)
    figure.legend(frameon=False, loc="outside right center")
    return figure


def streams(result: Result) -> Figure:
    """p95 against the number of streams, a panel a recogniser; what is not held is hollow."""
    tried = {name: result[name] for name in ("embedded recogniser", "words supplied") if name in result}
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
        limit(axes, 300, "300 ms")
        axes.legend(frameon=False, fontsize=7, loc="upper left")
    return figure


def attack(result: Result) -> Figure:
    """p95 and the longest `/livez`, a pair of bars an attack."""
    cases = result["cases"]
    figure, [axes] = panels(1)
    series = {"event, p95": "p95_ms", "/livez, at most": "livez_max_ms"}
    values = {label: [case[key] for case in cases.values()] for label, key in series.items()}
    grouped_bars(axes, list(cases), values, "{:.0f}")
    axes.set(ylabel="ms", yscale="log")
    plain(axes.yaxis)
    limit(axes, 300, "300 ms")
    axes.legend(frameon=False, fontsize=7)
    return figure


def soak(result: Result) -> Figure:
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


def kills(result: Result) -> Figure:
    """Who was killed how often."""
    killed = {
        "kills_of_program": "programs that play back",
        "kills_of_whole_program": "programs that analyze",
        "kills_of_broker": "the broker",
    }
    figure = Figure(figsize=(6.4, 1.8), layout="constrained")
    axes = figure.subplots()
    axes.barh(list(killed.values()), [result[name] for name in killed], color=BLUE)
    axes.invert_yaxis()
    axes.set(xlabel="kills")
    return figure


def endpointing(result: Result) -> Figure:
    """Delay against cuts: the fixed rule's curve, and the adaptive rule's points."""
    figure, all_axes = panels(len(RECORDINGS), height=3.4)
    words_known = list(dict.fromkeys(words for name in RECORDINGS for words in result[name]["adaptive"]))
    for axes, name in zip(all_axes, RECORDINGS, strict=True):
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


def startup(result: Result) -> Figure:
    """Seconds of the commands, and milliseconds of the imports."""
    figure, (commands, imports) = panels(2, height=4.2)
    seconds = starts(result)
    cost = {name: one["ms"] for name, one in result["imports"].items()}
    for axes, values, form, label in (
        (commands, {what.replace(": ", ":\n"): s for what, s in seconds.items()}, "%.2f", "seconds"),
        (imports, cost, "%.0f", "ms, alone in a fresh interpreter"),
    ):
        axes.bar_label(axes.barh(list(values), list(values.values()), color=BLUE), fmt=form, padding=3)
        axes.invert_yaxis()
        axes.set_xlabel(label)
        axes.tick_params(axis="y", labelsize=7)
        axes.margins(x=0.15)
    return figure


def segmentation(result: Result) -> Figure:
    """Errors by meeting, and turns found by condition."""
    figure, (meetings, assembled) = panels(2, height=3.4)
    files = result["meetings"]["files"]
    missed, added = (
        [100 * one[key] / one["speech_s"] for one in files.values()] for key in ("missed_s", "false_alarm_s")
    )
    meetings.bar(list(files), missed, color=BLUE, label="missed")
    meetings.bar(list(files), added, bottom=missed, color=ORANGE, label="false alarm")
    meetings.set(title="meetings", ylabel="% of the speech")
    limit(meetings, 15, "at most, over all meetings")
    conditions = result["assembled"]
    found = {"found": [100 * (1 - one["unfound"] / one["spoken"]) for one in conditions.values()]}
    ends = {"start_within_150_ms": "starts within 150 ms", "end_within_250_ms": "ends within 250 ms"}
    found |= {label: [100 * one[key] for one in conditions.values()] for key, label in ends.items()}
    grouped_bars(assembled, [name.replace(", ", ",\n") for name in conditions], found, None)
    assembled.set(title="assembled conversations", ylabel="% of turns", ylim=(50, 101))
    limit(assembled, 95, "at least, clean and with noise at 10 dB")
    for axes in (meetings, assembled):
        axes.tick_params(axis="x", labelsize=7, rotation=30)
        axes.legend(frameon=False, fontsize=7, loc="lower center", bbox_to_anchor=(0.5, 1.08), ncols=2)
    return figure


def speakers(result: Result) -> Figure:
    """Error rates on the meetings, and turns right by condition."""
    figure, (met, talked) = panels(2, height=3.4)
    stages = {
        "at first": ("live", "first"),
        "after revision": ("live", "revised"),
        "senko, offline": ("senko", "revised"),
    }
    bars = {
        label: [100 * found[stage][key] for key in ("der", "der_collar")]
        for label, (program, stage) in stages.items()
        if (found := result.get(program, {}).get("meetings"))
    }
    if bars:
        grouped_bars(met, ["no collar", "collar of 0.25 s"], bars, "{:.0f}")
        limit(met, 42, "at most, at first, no collar")
        limit(met, 34, "at most, after revision, no collar")
    met.set(title="meetings", ylabel="diarization error rate (%)")
    right = {
        label: [100 * one[stage]["turns_right"] for one in found.values()]
        for label, (program, stage) in stages.items()
        if (found := result.get(program, {}).get("assembled"))
    }
    if right:
        names = list(result["live" if "at first" in right else "senko"]["assembled"])
        grouped_bars(talked, [name.replace(", ", ",\n") for name in names], right, None)
    talked.set(title="assembled talk", ylabel="turns whose speaker is right (%)", ylim=(0, 101))
    talked.tick_params(axis="x", labelsize=7, rotation=60)
    for axes in (met, talked):
        axes.legend(frameon=False, fontsize=7, loc="lower center", bbox_to_anchor=(0.5, 1.08), ncols=2)
    return figure


def recognition(result: Result) -> Figure:
    """Word error rates and processor time by recordings."""
    figure, (errors, speed) = panels(2, height=3.4)
    by_name = {
        name: {kind: one for kind, one in sets.items() if "files" in one and "words" in one}
        for name, sets in result["recognisers"].items()
    }
    kinds = list(dict.fromkeys(kind for sets in by_name.values() for kind in sets))
    groups = [kind.replace(", ", ",\n") for kind in kinds]
    for axes, key, scale, form in ((errors, "wer", 100, "{:.1f}"), (speed, "cpu_factor", 1, "{:.2f}")):
        series = {
            name.removeprefix("faster-whisper:"): [scale * sets[kind][key] for kind in kinds]
            for name, sets in by_name.items()
        }
        grouped_bars(axes, groups, series, form)
    errors.set(ylabel="word error rate (%)")
    speed.set(ylabel="processor time for a second of sound (s)")
    limit(speed, 0.06, "at most, tiny.en")
    limit(speed, 0.10, "at most, base")
    for axes in (errors, speed):
        axes.legend(frameon=False, fontsize=7, loc="upper left")
    return figure


def peers(result: Result) -> Figure:
    """How late words are, by program."""
    figure, (final, shown) = panels(2)
    titles = [one["title"] for one in result["programs"].values()]
    for axes, key, label in (
        (final, "final_ms", "end of speech -> final words"),
        (shown, "age_ms", "end of a word -> it is shown"),
    ):
        found = [one["speech"][key] or {} for one in result["programs"].values()]
        series = {name: [each.get(q, 0) for each in found] for q, name in (("p50", "median"), ("p95", "p95"))}
        grouped_bars(axes, titles, series, "{:,.0f}")
        axes.set(title=label, ylabel="ms")
        axes.tick_params(axis="x", labelsize=7)
        axes.legend(frameon=False, loc="upper left", ncols=2)
    limit(final, 450, "median at most")
    return figure


def quantisation(result: Result) -> Figure:
    """Time relative to float32, and weighted F1."""
    figure, (speed, scores) = panels(2, height=2.8)
    encoders = result["encoders"]
    full = encoders["float32"]
    batch = f"batch of {result['batch']}"
    grouped_bars(
        speed,
        list(encoders),
        {
            label: [one[key] / full[key] for one in encoders.values()]
            for label, key in (("one utterance", "one_ms"), (batch, "batch_ms"))
        },
        "{:.2f}",
    )
    speed.set(ylabel="time, relative to float32")
    f1 = {part: [one["weighted_f1"][part] for one in encoders.values()] for part in ("validation", "test")}
    grouped_bars(scores, list(encoders), f1)
    lowest = min(value for values in f1.values() for value in values)
    scores.set(ylabel="weighted F1 on MELD")
    highest = max(value for values in f1.values() for value in values)
    scores.set_ylim(bottom=5 * (lowest // 5 - 1), top=highest + 2.5)
    for axes in (speed, scores):
        axes.legend(frameon=False, fontsize=7, loc="upper right", ncols=2)
    return figure
