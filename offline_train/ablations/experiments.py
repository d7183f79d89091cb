"""The experiments: their runs by row, and the comparisons between rows."""

from collections.abc import Mapping
from pathlib import Path

from offline_train.ablations.plan import Plan, Step
from offline_train.ablations.report import Comparison, Experiment
from offline_train.annotation.records import read_annotations
from offline_train.corpora.corpus import Corpus
from offline_train.errors import UsageError

NO_PREFIX = ("--set", "scarcity.prefix=0")
SESSIONS = range(1, 6)
PUBLISHED_SESSIONS = {"intra-CRF, accuracy": 68.07}
"""IEMOCAP 4-way, leave-one-session-out, on the logits `bigru_att`."""


def has_sound(corpus: Corpus) -> bool:
    """Whether utterances have recordings or precomputed features."""
    return any(u.speech is not None or u.recording is not None for _, _, u in corpus.utterances())


def stages(plan: Plan, *, sound: bool) -> Experiment:
    """All stages: II against I for each modality, III against the better modality."""
    rows: dict[str, list[Step]] = {"text I": [plan.text1(seed) for seed in plan.seeds]}
    rows["text II"] = [plan.text2(first) for first in rows["text I"]]
    comparisons = [Comparison("text II", ("text I",))]
    if sound:
        rows["audio I"] = [plan.speech1(seed) for seed in plan.seeds]
        rows["audio II"] = [plan.speech2(first) for first in rows["audio I"]]
        rows["fused III"] = [
            plan.fused(*pair) for pair in zip(rows["text II"], rows["audio II"], strict=True)
        ]
        comparisons += [
            Comparison("audio II", ("audio I",)),
            Comparison("fused III", ("text II", "audio II")),
        ]
    return Experiment("stages", rows, comparisons)


def joint(plan: Plan, *, sound: bool) -> Experiment:
    """Hierarchical against joint training of Stages II and III, on the same Stage I."""
    if not sound:
        raise UsageError(f"joint fuses two modalities, and {plan.corpus} in {plan.data} has no sound")
    before = stages(plan, sound=True).rows
    together = [
        plan.fused(*pair, "joint", ["--joint"])
        for pair in zip(before["text II"], before["audio II"], strict=True)
    ]
    return Experiment(
        "joint",
        {"hierarchical": before["fused III"], "joint": together},
        [Comparison("hierarchical", ("joint",))],
        [step for steps in before.values() for step in steps],
    )


def prefix(plan: Plan, *, sound: bool) -> Experiment:
    """Stages II and III trained with and without random prefixes of conversations."""
    before = stages(plan, sound=sound).rows
    rows = {"text II": before["text II"]}
    rows["text II, no prefixes"] = [plan.text2(first, "no-prefix", NO_PREFIX) for first in before["text I"]]
    if sound:
        speech = [plan.speech2(first, "no-prefix", NO_PREFIX) for first in before["audio I"]]
        rows |= {
            "audio II": before["audio II"],
            "audio II, no prefixes": speech,
            "fused III": before["fused III"],
        }
        rows["fused III, no prefixes"] = [
            plan.fused(*pair, "no-prefix", NO_PREFIX)
            for pair in zip(rows["text II, no prefixes"], speech, strict=True)
        ]
    comparisons = [
        Comparison(name, (f"{name}, no prefixes",), measure)
        for name in ("text II", "audio II", "fused III")
        if name in rows
        for measure in ("weighted_f1", "first_emission", "streaming_gap")
    ]
    return Experiment("prefix", rows, comparisons, [step for steps in before.values() for step in steps])


def annotators(plan: Plan, files: Mapping[str, Path], reference: Path | None, *, context: bool) -> Experiment:
    """Stage I of the text modality without pre-training, and with it on each file of annotations.

    Args:
        plan: a plan without pre-training.
        files: files of annotations, by name.
        reference: human labels of the same texts, for the agreement; by default the file with the annotator
            "corpus", if any.
        context: whether to train Stage II, too.
    """
    plain = [plan.text1(seed) for seed in plan.seeds]
    rows = {"none": plain}
    if context:
        rows["none, II"] = [plan.text2(first) for first in plain]
    before = []
    for name, path in files.items():
        made = plan.pretrain(name, path)
        before.append(made)
        rows[name] = [plan.text1(seed, name, made.folder) for seed in plan.seeds]
        if context:
            rows[f"{name}, II"] = [plan.text2(first, name) for first in rows[name]]
    comparisons = [
        Comparison(f"{name}{stage}", (f"none{stage}",))
        for name in files
        for stage in (("", ", II") if context else ("",))
    ]
    agreed = agreements(files, reference)
    facts = {f"{name}{stage}": {"agreement": agreed[name]} for name in files for stage in ("", ", II")}
    return Experiment("annotators", rows, comparisons, before, facts)


def agreements(files: Mapping[str, Path], reference: Path | None) -> dict[str, float | None]:
    """Share of texts in percent with the same label as in the reference; None without common texts."""
    read = {name: read_annotations(path) for name, path in files.items()}
    if reference is not None:
        people = read_annotations(reference)
    else:
        human = (each for each in read.values() if each and all(a.annotator == "corpus" for a in each))
        people = next(human, [])
    truth = {each.id: each.label for each in people}
    shares: dict[str, float | None] = {}
    for name, annotations in read.items():
        right = [truth[each.id] == each.label for each in annotations if each.id in truth]
        shares[name] = 100 * sum(right) / len(right) if right else None
    return shares


def sessions(plan: Plan, *, sound: bool) -> Experiment:
    """Leave-one-session-out: Stages I and II on precomputed speech features, all folds pooled."""
    if not sound:
        raise UsageError(f"sessions is for sound, and {plan.corpus} in {plan.data} has none")
    first = [plan.speech1(seed, fold) for seed in plan.seeds for fold in SESSIONS]
    rows = {"audio I": first, "audio II": [plan.speech2(each) for each in first]}
    published = PUBLISHED_SESSIONS if plan.corpus == "iemocap" and plan.features == "bigru_att" else {}
    return Experiment("sessions", rows, [Comparison("audio II", ("audio I",), "accuracy")], (), {}, published)
