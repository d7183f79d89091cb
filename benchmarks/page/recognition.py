"""Word error rate and speed of the recognisers."""

from matplotlib.figure import Figure

from benchmarks.page.plots import grouped_bars, limit, panels
from benchmarks.page.section import Bar, Result, Section
from benchmarks.page.text import milliseconds, percent, table


def measured(result: Result) -> dict[str, dict[str, Result]]:
    """Recogniser -> set of recordings -> figures; of those that were timed."""
    return {
        name: {kind: one for kind, one in sets.items() if "files" in one and "words" in one}
        for name, sets in result["recognisers"].items()
    }


def bars(result: Result) -> list[Bar]:
    """The whole path of faster-whisper."""
    cases = result["tiny_whisper"]
    right = [case for case, one in cases.items() if one["as_expected"]]
    return [
        Bar(
            "a tiny model in the real CTranslate2 format goes down faster-whisper's whole path as expected",
            f"{len(right)} of {len(cases)} cases: {', '.join(cases)}",
            len(right) == len(cases),
        )
    ]


def tables(result: Result) -> list[str]:
    """Word error rates, what listening leaves to do, and the tiny model."""
    rows = [
        [f"{name}: {kind}", str(one["words"]), percent(one["wer"]), f"{one['real_time_factor']:.2f}",
         f"{one['cpu_factor']:.2f}"]
        for name, sets in measured(result).items()
        for kind, one in sets.items()
    ]  # fmt: skip
    told = [
        table(["recogniser: recordings", "words", "word error rate", "real-time factor", "processor"], rows),
        "Shared: jfk.flac, one sentence of TIMIT, twelve Harvard sentences, on which pocketsphinx' settings"
        " were chosen. Sample: the turns of the sample conversation (synthesised voices). Factors are"
        " seconds for a second of sound; of a recogniser that listens, most of them are spent while the"
        " turn is being spoken.",
    ]
    told += [
        f"{name}: when a turn has been spoken, {milliseconds(sets['left_ms']['p50'])} of work is left"
        f" (median; p95 {milliseconds(sets['left_ms']['p95'])})."
        for name, sets in result["recognisers"].items()
        if "left_ms" in sets
    ]
    if not any(name.startswith("faster-whisper") for name in result["recognisers"]):
        told.append(
            "No weights of faster-whisper were cached on this machine: those that are, are measured, too."
        )
    cases = [
        [
            case,
            "as expected" if one["as_expected"] else "**not as expected**",
            f"{one['make_and_load_s']:.2f} s" if "make_and_load_s" in one else "",
            f"{one['real_time_factor']:.3f}" if "real_time_factor" in one else "",
            f"{one['freed_ms']:.2f} ms" if "freed_ms" in one else "",
        ]
        for case, one in result["tiny_whisper"].items()
    ]
    header = ["the tiny model", "", "made and loaded in", "real-time factor", "who waited is free after"]
    return [*told, table(header, cases)]


def draw(result: Result) -> Figure:
    """Word error rates and real-time factors by recordings."""
    figure, (errors, speed) = panels(2, height=3.4)
    by_name = measured(result)
    kinds = list(dict.fromkeys(kind for sets in by_name.values() for kind in sets))
    groups = [kind.replace(", ", ",\n") for kind in kinds]
    for axes, key, scale, form in ((errors, "wer", 100, "{:.1f}"), (speed, "real_time_factor", 1, "{:.2f}")):
        series = {name: [scale * sets[kind][key] for kind in kinds] for name, sets in by_name.items()}
        grouped_bars(axes, groups, series, form)
    errors.set(ylabel="word error rate (%)")
    speed.set(ylabel="seconds for a second of sound")
    limit(speed, 1, "real time")
    for axes in (errors, speed):
        axes.legend(frameon=False, fontsize=7, loc="upper left")
    return figure


RECOGNITION = Section(
    module="recognition",
    title="Recognition",
    about=(
        "Word error rate and speed of the recognisers whose weights are here, in quiet and with noise; and"
        " faster-whisper's path (load, decode, guards against invented words, cancellation) on a tiny model"
        " that the benchmark makes."
    ),
    needs=("recognisers", "tiny_whisper"),
    bars=bars,
    tables=tables,
    draw=draw,
)
