"""The paper's tables, with ours beside."""

from offline_train.ablations.scores import Spread
from offline_train.tables.fill import to_fill, to_fill_stage
from offline_train.tables.groups import Group, Results
from offline_train.tables.notes import MISSING, Notes, signed, table
from offline_train.tables.published import CORPORA, PAPER, STAGES, TABLE2


def table1(results: Results, notes: Notes) -> str:
    """Each modality and stage."""
    rows = []
    for corpus, name in CORPORA.items():
        rows.append([f"{name}, ours", *(cell(results, notes, stage, corpus) for stage in STAGES)])
        rows.append([f"{name}, paper", *(f"{value:.2f}" for value in PAPER[corpus])])
    text = [
        "## Table I: each modality and stage",
        "Test weighted F1. The paper's text encoder is RoBERTa-large (355 M parameters) and its sound CARE on"
        " WavLM; ours are named in the commands, and what sound is:",
        table(["", *STAGES], rows),
        sound_of(results),
    ]
    return "\n\n".join(part for part in text if part)


def sound_of(results: Results) -> str:
    """What the columns of sound were heard from."""
    lines = []
    for corpus, name in CORPORA.items():
        if group := best(results, "audio I", corpus):
            features = group.about["features"] or {"iemocap": "gemaps47", "mosi": "audio73"}.get(corpus)
            prepared = "width" in group.about["settings"] and "care.kind" not in group.about["settings"]
            lines.append(f"{name}: {f'prepared features {features}' if prepared else 'CARE on recordings'}")
    return f"Sound. {'; '.join(lines)}." if lines else ""


def best(results: Results, stage: str, corpus: str, *, joint: bool = False) -> Group | None:
    """The recipe with the best validation score, where there is any."""
    return next(iter(results.select(stage, corpus, joint=joint)), None)


def cell(results: Results, notes: Notes, stage: str, corpus: str) -> str:
    """Of Table I and Table II."""
    group = best(results, stage, corpus)
    if group is None:
        return f"{MISSING} {to_fill_stage(notes, stage, corpus)}"
    return notes.cell(group.score("test", "weighted_f1"), group)


def table2(results: Results, notes: Notes) -> str:
    """The methods of others."""
    rows = [
        [row.method, row.uses, *(f"{value:.2f}" if value else MISSING for value in row[2:5]), row.source]
        for row in TABLE2
    ]
    for stage, uses in (("text II", "text"), ("fused III", "text, audio")):
        ours = [cell(results, notes, stage, corpus) for corpus in CORPORA]
        rows.append([f"ours, {stage}", uses, *ours, "this page"])
    return "\n\n".join(
        (
            "## Table II: beside others",
            "Test weighted F1. A dash where we know of no figure.",
            table(["method", "uses", *CORPORA.values(), "source"], rows),
        )
    )


def differences(results: Results, notes: Notes) -> str:
    """Stage against stage, run by run."""
    rows = []
    for corpus, name in CORPORA.items():
        for stage, role in (("text II", "text I"), ("audio II", "audio I"), ("fused III", "better")):
            group = best(results, stage, corpus)
            found = group and against_parents(results, group)
            if group and found:
                against, spread = found
                note = notes.refer(notes.of_group(group))
                rows.append([f"{name}: {stage} against {against}", *signed(spread), note])
            else:
                todo = to_fill(notes, "stages", corpus)
                shown_role = "the better modality" if role == "better" else role
                rows.append([f"{name}: {stage} against {shown_role}", MISSING, MISSING, todo])
    return "\n\n".join(
        (
            "## Stage against stage",
            "Differences of test weighted F1, each run against the run it was built on; Stage III against the"
            " modality whose Stage II is better on validation.",
            table(["", "difference", "by seed", "command"], rows),
        )
    )


def against_parents(results: Results, group: Group) -> tuple[str, Spread] | None:
    """Test weighted F1 of a group minus that of the runs it was built on, and what these are."""
    gains: dict[str, list[float]] = {}
    validated: dict[str, list[float]] = {}
    for _, record in group.runs:
        for path in record["parents"]:
            parent, of = results.content["runs"].get(path), results.group_of(path)
            if parent is not None and of is not None and parent["scores"].get("test"):
                test, before = (each["scores"]["test"]["weighted_f1"] for each in (record, parent))
                gains.setdefault(of.name, []).append(test - before)
                validated.setdefault(of.name, []).append(parent["scores"]["validation"]["weighted_f1"])
    if not gains:
        return None
    name = max(validated, key=lambda key: sum(validated[key]) / len(validated[key]))
    return name, Spread(dict(enumerate(gains[name])))
