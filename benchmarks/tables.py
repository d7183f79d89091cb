"""Puts the figures of `benchmarks/results/` and of the bundle into the README, between its markers.

python -m benchmarks.tables
"""

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
README = ROOT / "README.md"
START, END = "<!-- figures -->", "<!-- /figures -->"


def with_figures(readme: str) -> str:
    """The README with its figures as the files have them now."""
    before, _, rest = readme.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n\n{figures()}\n{END}{after}"


def figures() -> str:
    """Markdown: a table, what it was measured on, and by which commands."""
    recognition, segmentation, latency = (
        _load(RESULTS / f"{name}.json") for name in ("recognition", "segmentation", "latency")
    )
    metrics = _load(ROOT / "models/bundles/meld-small/bundle.json")["metrics"]
    sphinx = recognition["recognisers"]["pocketsphinx"]
    meld, folds = metrics["bundle_test"], metrics["speech_folds"]["test"]
    meetings, assembled = segmentation["meetings"], segmentation["assembled"]
    machine = latency["machine"]
    rows = [
        (
            "MELD test, 7 emotions, words alone, weighted F1: Stage I",
            f"{_f1(meld, 'text_stage1')}",
            "evaluate",
        ),
        (
            "... Stage II (at first emission)",
            f"{_f1(meld, 'text_stage2')} ({_f1(meld, 'text_stage2_first_emission')})",
            "evaluate",
        ),
        (
            "... the whole bundle (at first emission)",
            f"{_f1(meld, 'bundle_offline')} ({_f1(meld, 'bundle_first_emission')})",
            "evaluate",
        ),
        (
            "RAVDESS, 7 emotions, voices not heard before, weighted F1, 5 folds",
            f"{folds['mean']:.2f} ± {folds['std']:.2f}",
            "folds",
        ),
        (
            "word error rate of pocketsphinx: 14 sentences (jfk, TIMIT, speechbrain)",
            _percent(sphinx["shared"]["wer"]),
            "recognition",
        ),
        ("... with noise at 10 dB", _percent(sphinx["shared, noise at 10 dB"]["wer"]), "recognition"),
        ("... the sample conversation (synthesised)", _percent(sphinx["sample"]["wer"]), "recognition"),
        (
            "pocketsphinx, time per second of speech",
            f"{sphinx['shared']['real_time_factor']:.2f}",
            "recognition",
        ),
        (
            "meetings: missed speech + false alarm",
            f"{_percent(meetings['missed'])} + {_percent(meetings['false_alarm'])}",
            "segmentation",
        ),
        *(
            (
                f"assembled conversations, {name}: turns found, starts within 150 ms, ends within 250 ms",
                ", ".join(_percent(share) for share in _found(assembled[name])),
                "segmentation",
            )
            for name in ("clean", "noise at 10 dB", "room 1", "room 3")
        ),
        (
            "turn detector, time per second of sound",
            f"{segmentation['cost']['real_time_factor']:.3f}",
            "segmentation",
        ),
        (
            "turn declared over -> event, sample at real-time pace: median, p95",
            "{p50:.0f} ms, {p95:.0f} ms".format(**latency["latency_ms"]["total"]),
            "latency",
        ),
    ]
    lines = ["| what | measured | by |", "|---|---|---|"]
    lines += [f"| {what} | {value} | {command} |" for what, value, command in rows]
    commands = {
        "evaluate": "merits-train evaluate --bundle meld-small --corpus meld --data MELD --json -",
        "folds": "merits-train stage1 --modality speech --corpus ravdess --folds --data RAVDESS --out RUN",
        **{
            name: f"python -m benchmarks.{name} --json benchmarks/results/{name}.json"
            for name in ("recognition", "segmentation", "latency")
        },
    }
    lines += ["", "```sh", *(f"{command}  # {name}" for name, command in commands.items()), "```", ""]
    lines += [
        f"On {machine['cores']} cores ({machine['cpu']}), {machine['memory_gib']:.0f} GiB, no GPU, Python"
        f" {machine['python']}. The turn detector's settings were tuned on these same meetings, sentences and"
        " noise, and pocketsphinx' on these sentences: expect less elsewhere. Nearly all of the latency is"
        " pocketsphinx; it was measured before turns were worked on ahead.",
        "",
    ]
    return "\n".join(lines)


def _found(condition: dict[str, Any]) -> list[float]:
    turns = condition["spoken"]
    return [
        1 - condition["unfound"] / turns,
        condition["start_within_150_ms"],
        condition["end_within_250_ms"],
    ]


def _f1(report: dict[str, Any], key: str) -> str:
    return f"{report[key]['weighted_f1']:.2f}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    README.write_text(with_figures(README.read_text(encoding="utf-8")), encoding="utf-8")
