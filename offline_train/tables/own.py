"""What the paper does not report: prefixes, look-ahead, windows, calibration, accuracy beside others'."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from offline_train.ablations.scores import Spread
from offline_train.tables import published
from offline_train.tables.figures import Point, draw_lines
from offline_train.tables.fill import to_fill
from offline_train.tables.groups import Group, Results, heard_words
from offline_train.tables.notes import MISSING, Notes, braced, shown, table
from offline_train.tables.published import CORPORA

_PREFIX = "scarcity.prefix"
_WITH_CONTEXT = ("text II", "audio II", "fused III")
_MEASURES = ("weighted_f1", "first_emission", "streaming_gap")
Judged = dict[str, list[Mapping[str, Any]]]


def prefixes(results: Results, notes: Notes) -> str:
    """The streaming gap with and without prefix training."""
    rows = []
    for corpus, name in CORPORA.items():
        for stage in _WITH_CONTEXT:
            trained, without = _pair(results, stage, corpus)
            for kind, group in (("with", trained), ("without", without)):
                label = f"{name}: {stage}, {kind} prefixes"
                if group is None:
                    todo = to_fill(notes, "prefix", corpus)
                    rows.append([label, *[MISSING] * 3, todo])
                else:
                    spreads = [group.score("test", measure) for measure in _MEASURES]
                    cells = [MISSING if spread is None else shown(spread) for spread in spreads]
                    rows.append([label, *cells, notes.refer(notes.of_group(group))])
    return _section(
        "Streaming gap, with and without prefix training",
        "Test weighted F1 with the whole conversation in view (offline) and when each turn is the newest"
        " (first emission), and their difference.",
        table(["", "offline", "first emission", "gap", "command"], rows),
    )


def _pair(results: Results, stage: str, corpus: str) -> tuple[Group | None, Group | None]:
    """The best recipe with prefixes that was also trained without, and that; else the best with."""
    found = results.select(stage, corpus)
    trained = [group for group in found if group.about["settings"].get(_PREFIX)]
    without = {
        results.without(g.recipe, _PREFIX): g
        for g in reversed(found)
        if g.about["settings"].get(_PREFIX) == 0
    }
    for group in trained:
        if partner := without.get(results.without(group.recipe, _PREFIX)):
            return group, partner
    return (trained[0] if trained else None), None


def streamed(results: Results, notes: Notes, folder: Path | None) -> str:
    """Look-ahead, windows and calibration, from evaluations."""
    judged = _judged(results)
    ahead, windows, calibration = [], [], []
    lines: dict[str, list[Point]] = {}
    for name, reports in judged.items():
        commands = braced([str(each["command"]) for each in reports])
        note = notes.refer(notes.of_commands(f"{name} as streamed", commands))
        row, points = [], []
        for turns in ("0", "1", "2", "4"):
            spread = _spread(reports, "look_ahead", turns)
            row.append(shown(spread) if spread else MISSING)
            if spread:
                points.append(Point(turns, 0.0, spread.mean, spread.std))
        whole = _spread(reports, "weighted_f1")
        if whole:
            points.append(Point("all", 0.0, whole.mean, whole.std))
            lines[name] = points
            ahead.append([name, *row, shown(whole), note])
            cells = []
            for size in ("4", "8", "16", "32"):
                pair = [_spread(reports, "windows", size, kind) for kind in ("first_emission", "final")]
                cells.append(" / ".join(f"{each.mean:.2f}" if each else MISSING for each in pair))
            windows.append([name, *cells, str(whole.n), note])
        errors = [_spread(reports, "calibration", key) for key in ("ece", "ece_calibrated", "temperature")]
        calibration.append([name, *(shown(each) if each else MISSING for each in errors), note])
    if not judged:
        todo = to_fill(notes, "window", "meld")
        ahead, windows = [[MISSING] * 6 + [todo]], [[MISSING] * 6 + [todo]]
        calibration = [[MISSING] * 4 + [todo]]
    elif folder is not None:
        draw_lines(lines, "turns of look-ahead", folder / "look-ahead.svg")
    picture = ["![weighted F1 by look-ahead](figures/look-ahead.svg)"] if lines else []
    return "\n\n".join(
        (
            _section(
                "Look-ahead",
                "Test weighted F1 of each turn when so many turns after it are known; 0 is first emission.",
                *picture,
                table(["", "0", "1", "2", "4", "all", "command"], ahead),
            ),
            _section(
                "Window",
                "Test weighted F1 through a window of so many turns: at first emission / last said before the"
                " turn leaves it.",
                table(["", "4", "8", "16", "32", "n", "command"], windows),
            ),
            _section(
                "Calibration",
                "Expected calibration error on test, in percentage points, as it is and with the temperature"
                " fitted on validation.",
                table(["", "ECE", "ECE, calibrated", "temperature", "command"], calibration),
            ),
        )
    )


def _judged(results: Results) -> Judged:
    """Evaluations on test by what was judged: of each stage and corpus the best recipe that has any."""
    by_recipe: dict[str, dict[str, Mapping[str, Any]]] = {}
    for report in results.content["evaluations"].values():
        if report["split"] == "test" and report["recipe"]:
            by_recipe.setdefault(report["recipe"], {}).setdefault(report["draw"], report)
    found: Judged = {}
    for corpus, name in CORPORA.items():
        for stage in ("text I", "audio I", *_WITH_CONTEXT):
            group = next((g for g in results.select(stage, corpus) if g.recipe in by_recipe), None)
            if group is not None:
                found[f"{name}: {stage}"] = list(by_recipe[group.recipe].values())
    return found


def _spread(reports: Sequence[Mapping[str, Any]], *keys: str) -> Spread | None:
    values = []
    for report in reports:
        value: Any = report
        for key in keys:
            value = value.get(key) if isinstance(value, Mapping) else None
        if value is not None:
            values.append(float(value))
    return Spread(dict(enumerate(values))) if values else None


def accuracies(results: Results, notes: Notes) -> str:
    """Where others report accuracy."""
    rows = []
    crf = f"{published.INTRA_CRF} (intra-CRF)"
    for stage in ("audio I", "audio II"):
        label = f"IEMOCAP (4-way), leave one session out, `bigru_att`: {stage}"
        pooled = (g for g in results.groups if g.folded and g.name == stage and g.score("test", "accuracy"))
        logits = (g for g in pooled if (g.about["corpus"], g.about["features"]) == ("iemocap", "bigru_att"))
        if group := next(logits, None):
            rows.append([label, *_accuracy(notes, group), crf])
        else:
            rows.append([label, f"{MISSING} {to_fill(notes, 'sessions', 'iemocap')}", MISSING, crf])
    lstm = "about 80 (bc-LSTM, text and audio)"
    for stage in ("audio I", "audio II"):
        prepared = (g for g in results.groups if (g.name, g.about["corpus"]) == (stage, "mosi"))
        if group := next((g for g in prepared if results.any_of(g.recipe, heard_words)), None):
            features = f"CMU-MOSI, prepared features of sound and words: {stage.removeprefix('audio ')}"
            rows.append([features, *_accuracy(notes, group), lstm])
    for stage in _WITH_CONTEXT:
        rows += [
            [f"CMU-MOSI: {stage}", *_accuracy(notes, group), lstm]
            for group in results.select(stage, "mosi")[:1]
        ]
    return _section(
        "Accuracy",
        "Beside figures that others give as accuracy. Folds are pooled: each utterance is judged once, by the"
        " model that has not seen its session.",
        table(["", "accuracy", "weighted F1", "others, accuracy"], rows),
    )


def _accuracy(notes: Notes, group: Group) -> tuple[str, str]:
    """With the command, and the weighted F1."""
    f1 = group.score("test", "weighted_f1")
    return notes.cell(group.score("test", "accuracy"), group), MISSING if f1 is None else shown(f1)


def _section(title: str, *parts: str) -> str:
    return "\n\n".join((f"## {title}", *parts))
