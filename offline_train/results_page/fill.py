"""Commands that produce the missing numbers of a table."""

from pathlib import Path

from offline_train.ablations.experiments import stages
from offline_train.ablations.plan import Plan
from offline_train.results_page.notes import Notes, braced

# Folders of corpora; those with sound under the published name.
_DATA = {"iemocap": "../shared/data/iemocap", "meld": "../shared/data/meld", "mosi": "../shared/data/mosi"}
_SOUND = {**_DATA, "meld": "MELD.Raw"}
_BUILT_ON = {
    "audio I": (),
    "audio II": ("audio I",),
    "text I": (),
    "text II": ("text I",),
    "fused III": ("text II", "audio II"),
}


def to_fill(notes: Notes, experiment: str, corpus: str) -> int:
    """The number of the note with the command of an ablation."""
    more = " --annotations NAME=labels.jsonl --reference people.jsonl" if experiment == "annotators" else ""
    data = (_SOUND if experiment in ("stages", "joint") else _DATA)[corpus]
    out = "runs" if data == _DATA[corpus] else "runs/sound"  # runs on another folder need another place
    line = f"merits-train ablate {experiment} --corpus {corpus} --data {data} --out {out}{more}"
    return notes.of_commands(f"to fill {experiment}, {corpus}", [line])


def to_fill_stage(notes: Notes, stage: str, corpus: str) -> int:
    """The number of the note with the command of a column of Table I, after those it depends on."""
    after = [to_fill_stage(notes, before, corpus) for before in _BUILT_ON[stage]]
    data = (_SOUND if "text" not in stage else _DATA)[corpus]
    steps = stages(Plan(corpus, Path(data), Path("runs")), sound=True).rows[stage]
    commands = braced([step.command for step in steps])
    if stage == "fused III" and data != _DATA[corpus]:
        # the text runs have another folder
        commands = [f"{command} --data {data}" for command in commands]
    return notes.of_commands(f"to fill {stage}, {corpus}", commands, after)
