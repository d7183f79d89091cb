"""How long the program takes to start, and what each import costs."""

from matplotlib.figure import Figure

from benchmarks.page.plots import panels
from benchmarks.page.section import Bar, Result, Section
from benchmarks.page.text import table
from offline_train.svg import BLUE

TOLD = {"session.started": "models loaded, source open", "turn.started": "frames analyzed, speech found"}


def starts(result: Result) -> dict[str, float]:
    """What was started, and the seconds it took."""
    return {
        "merits --help": result["help_s"],
        **{
            f"merits {command}: {what}": result[f"{command}_s"][event]
            for command in ("analyze", "listen")
            if result[f"{command}_s"]
            for event, what in TOLD.items()
        },
    }


def bars(result: Result) -> list[Bar]:
    """Help at once."""
    most = result["help_target_s"]
    took = result["help_s"]
    return [Bar(f"`merits --help`: under {most} s", f"{took:.2f} s", took < most)]


def tables(result: Result) -> list[str]:
    """Commands, imports alone, and what the costliest are made of."""
    told = [table(["what", "seconds"], ([what, f"{took:.2f}"] for what, took in starts(result).items()))]
    if not result["listen_s"]:
        told.append("`merits listen` could not be measured: it needs PulseAudio for a virtual microphone.")
    imports = result["imports"].items()
    told += [
        f"Recogniser {result['recogniser']}. Imports, each alone in a fresh interpreter:",
        table(
            ["import", "ms", "modules"],
            ([f"`{name}`", f"{one['ms']:,.0f}", f"{one['modules']:.0f}"] for name, one in imports),
        ),
    ]
    for module, tree in result["import_tree_ms"].items():
        parts = ", ".join(f"`{name}` {ms:,.0f}" for name, ms in tree.items())
        told.append(
            f"Importing `{module}`, the costliest parts in ms, later ones within earlier ones: {parts}."
        )
    return told


def draw(result: Result) -> Figure:
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


STARTUP = Section(
    module="startup",
    title="Start",
    about=(
        "How long `merits --help`, `merits analyze` and `merits listen` take until they answer, the files in"
        " the disk's cache, and what each import costs."
    ),
    needs=("help_s", "help_target_s", "analyze_s", "listen_s", "imports", "import_tree_ms"),
    bars=bars,
    tables=tables,
    draw=draw,
)
