"""The model card of a bundle, written from its manifest: only what is recorded there."""

from collections.abc import Mapping
from typing import Any

from models.manifest import Manifest
from offline_train.corpora.citations import citation

NOT_TO_BE_SHARED = """\
> **Not to be shared.** This bundle was made from data whose licence does not allow passing on anything derived from \
it. It is for measuring the method where the licence was granted.
"""

PAIRING = """\
MELD's audio could not be had. Every turn of a MELD dialogue was given the sound of a RAVDESS clip that shows the \
same emotion: training dialogues by training actors (01-16), validation dialogues by actors 17-18, test dialogues \
by actors 19-20. In training the pairing is drawn anew in every epoch, and part of it is mismatched on purpose, so \
that the fusion does not learn to believe whichever modality was learnt by heart: for a turn of emotion y whose \
recall is r on a modality's training data and v on its validation data, 1 - v/r of the turns show another emotion \
in that modality, drawn from its validation confusions. The mismatch for sound comes from Stage I on training \
against validation actors; for words, from Stage II on MELD's training against validation dialogues (the words of \
another turn are shown, in dialogues shown with sound; a third of them are shown without).

In a dialogue, neighbouring turns make up for mistakes: Stage II of the sound does better on paired dialogues than \
Stage I on single clips of actors it has not heard. That is an artefact of pairing (the errors of clips know nothing \
of the dialogue), so only a share of the pairs is matched, in every split, found such that Stage II of the sound on \
the validation dialogues is exactly as good as Stage I on the validation actors: see "share" below.
"""

LIMITS_OF_PAIRS = """\
- What this bundle does on real conversations with real paired sound and words **is unknown**: no such data could \
be had. Every figure "with sound" above is on MELD's words with RAVDESS' acted voices.
- The sound was learnt from 16 North American actors speaking two sentences. Other accents, ages, languages and \
unacted speech may be judged wrongly: ordinary read sentences are often taken for disgust or anger by their sound.
- The words were learnt from the scripts of one American comedy of the 1990s. English only.
"""

LIMITS_OF_WORDS = """\
- It judges by the words alone: how something is said tells it nothing.
"""

LIMITS = """\
- Other speakers, languages, topics and ways of recording than those of its data may be judged wrongly.
- Its figures are on the corpus' own transcripts. Recognisers make mistakes, and some write no punctuation, which \
leaves less to go by{see}.
- An emotion label is what annotators took an utterance to show. It is not what a person feels, and must not be \
used to decide anything about a person.
"""


_STAGES = {
    "text1": "words I",
    "text2": "words II",
    "speech1": "sound I",
    "speech2": "sound II",
    "fusion": "fusion III",
}


def model_card(manifest: Manifest) -> str:
    """Markdown: what it is, how it was made, all its figures, and what it can't do."""
    m, training = manifest.metrics, manifest.training
    hears, paired = manifest.speech is not None, training["paired"]
    recognised = ' (see "as recognised" above)' if "as_recognised" in m["text1"] else ""
    sections = [
        f"# {manifest.name} (version {manifest.version})",
        "" if training["shareable"] else NOT_TO_BE_SHARED,
        f"Emotion of every turn of a conversation, from {'words and sound' if hears else 'words'}: "
        f"{', '.join(manifest.labels)}. Trained by this repository's `merits-train` in the stages of MERITS-L "
        "(Dutta & Ganapathy, ICASSP 2025).",
        "## How it was made",
        "```sh\n" + "\n".join(training["commands"]) + "\n```",
        _how(manifest),
        "## Data",
        _data(manifest),
        PAIRING if paired else "",
        "## Figures",
        _bundle(m, training["corpus"]),
        _as_streamed(m),
        _calibration(manifest),
        _sound(m, paired=paired),
        _fusion(m, paired=paired),
        "## What it can't do",
        (LIMITS_OF_PAIRS if paired else "" if hears else LIMITS_OF_WORDS) + LIMITS.format(see=recognised),
        "All metrics, with confusion matrices, are in `bundle.json` under `metrics`.",
    ]
    return "\n\n".join(section.strip() for section in sections if section) + "\n"


def _how(manifest: Manifest) -> str:
    seeds = {name: seed for name, seed in manifest.training["seeds"].items() if seed is not None}
    different = set(seeds.values())
    text = (
        f"Seed {different.pop()} throughout"
        if len(different) == 1
        else "Seeds: " + ", ".join(f"{name} {seed}" for name, seed in seeds.items())
    )
    text += "; all settings are in `bundle.json` under `training`. Every epoch was selected on validation data only."
    if "fusion" in manifest.metrics and manifest.speech is not None:
        text += (
            " Stage III starts from the sum of what both modalities say alone and learns a correction by "
            "co-attention, where the paper reads the emotion off the co-attention only."
        )
    return text


def _data(manifest: Manifest) -> str:
    lines = ["| data | used in stage | terms |", "|---|---|---|"]
    lines += [
        f"| {each['title']} | {', '.join(map(_stage, each['use']))} | {each['terms']} |"
        for each in manifest.training["data"]
    ]
    terms = "Apache-2.0" if manifest.text.base == "all-MiniLM-L6-v2" else "its publisher's"
    use = (
        "all of it is fine-tuned"
        if manifest.text.train_embeddings
        else "its token embeddings are used as they are"
    )
    name = manifest.text.base.rstrip("/\\").replace("\\", "/").rpartition("/")[2]
    lines.append(f"| {name}, the base text encoder | {use}, pinned by SHA-256 | {terms} |")
    return "\n".join(lines)


def _stage(run: str) -> str:
    """A run as `lineage` names it, for people."""
    stage, *ancestors = run.split(".", 1)
    return f"{_STAGES[stage]} ({ancestors[0].replace('.', ' ')})" if ancestors else _STAGES[stage]


def _name(corpus: str) -> str:
    return citation(corpus).title.partition(" (")[0]


def _table(header: str, rows: Mapping[str, tuple[Any, ...]]) -> str:
    columns = header.count("|") + 1
    lines = [f"| {header} |", "|" + "---|" * columns]
    for name, values in rows.items():
        cells = [f"{value:.2f}" if isinstance(value, float) else str(value) for value in values]
        lines.append(f"| {' | '.join([name, *cells])} |")
    return "\n".join(lines)


def _reports(m: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {split: m[f"bundle_{split}"] for split in ("validation", "test") if f"bundle_{split}" in m}


def _bundle(m: Mapping[str, Any], corpus: str) -> str:
    reports = _reports(m)
    if not reports:
        return (
            f"{_name(corpus)} has no labelled validation or test split: nothing is known of how well it does."
        )
    last = list(reports.values())[-1]
    named = {
        "words, Stage I": "text_stage1",
        "words, Stage II, offline": "text_stage2",
        "words, Stage II, at first emission": "text_stage2_first_emission",
        "sound, Stage I": "speech_stage1",
        "sound, Stage II, offline": "speech_stage2",
        "sound, Stage II, at first emission": "speech_stage2_first_emission",
        "whole bundle, by words alone": "words_alone",
        "whole bundle, by sound alone": "sound_alone",
        "whole bundle, offline": "bundle_offline",
        "whole bundle, at first emission": "bundle_first_emission",
    }
    rows: dict[str, tuple[Any, ...]] = {
        name: tuple(
            each[key][metric]
            for each in reports.values()
            for metric in ("weighted_f1", "macro_f1", "accuracy")
        )
        for name, key in named.items()
        if key in last
    }
    if plain := m["text1"].get("as_recognised"):
        rows["words, Stage I, as recognised (lower case, no punctuation)"] = tuple(
            value for split in reports for value in (plain[split], "", "")
        )
    header = "| " + " | ".join(f"{split} weighted F1 | macro F1 | accuracy" for split in reports)
    split, by_class = list(reports)[-1], last["bundle_offline"]["f1"]
    return (
        f"{_name(corpus)}, judged by {' and '.join(last['modalities'])}, by the bundle as it is stored (percent):\n\n"
        + _table(header, rows)
        + f"\n\nF1 by emotion on {split}, whole bundle, offline: "
        + ", ".join(f"{label} {value:.1f}" for label, value in by_class.items())
        + "."
    )


def _as_streamed(m: Mapping[str, Any]) -> str:
    if not (reports := _reports(m)):
        return ""
    split, report = list(reports.items())[-1]
    ahead = {f"{turns}": (f1,) for turns, f1 in report["look_ahead"].items()}
    windows = {size: (each["first_emission"], each["final"]) for size, each in report["windows"].items()}
    return (
        f"As streamed, {split}, weighted F1 in percent (offline {report['bundle_offline']['weighted_f1']:.2f}, "
        f"streaming gap {report['streaming_gap']:.2f}):\n\n"
        + _table("turns known after the one that is judged | weighted F1", ahead)
        + "\n\n"
        + _table("turns in the window | at first emission | last said before a turn leaves", windows)
    )


def _calibration(manifest: Manifest) -> str:
    if not (reports := _reports(manifest.metrics)):
        return ""
    split, report = list(reports.items())[-1]
    found = report["calibration"]
    if found["temperature"] is None:
        return f"Expected calibration error on {split}: {found['ece']:.2f} points; no temperature could be fitted."
    return (
        f"Expected calibration error on {split} (15 bins): {found['ece']:.2f} points, and "
        f"{found['ece_calibrated']:.2f} with the temperature {manifest.temperature:.3f}, fitted on validation, that "
        f"the bundle divides its logits by ({found['ece_first_emission']:.2f} at first emission)."
        + (" Both are of the words alone." if manifest.training["paired"] else "")
    )


def _sound(m: Mapping[str, Any], *, paired: bool) -> str:
    if not paired and "speech_folds" not in m:
        return ""
    text = ""
    if paired:
        stage1 = m["speech1"]
        rows = {
            "shipped: trained on actors 01-16, selected on 17-18, tested on 19-20": tuple(
                stage1[split]["weighted_f1"] for split in ("validation", "test")
            )
        }
        text = (
            "RAVDESS, Stage I of the sound, unseen actors, seven emotions, calm counted as neutral (percent):\n\n"
            + _table("| validation weighted F1 | test weighted F1", rows)
        )
    if "speech_folds" in m:
        folds = m["speech_folds"]["test"]
        text += (
            f"\n\n{len(folds['folds'])} speaker-disjoint folds of the sound, test speakers unseen: weighted F1 "
            f"{folds['mean']:.2f} ± {folds['std']:.2f} (mean, standard deviation)."
        )
    return text


def _fusion(m: Mapping[str, Any], *, paired: bool) -> str:
    if not paired:
        return ""
    report, speech = m["fusion"], m["speech2"]
    kinds = {"words and sound": "with_sound", "words alone": "words_alone", "sound alone": "sound_alone"}
    splits = ("validation", "test")
    rows = {"Stage II of the sound, offline": tuple(speech[split]["weighted_f1"] for split in splits)}
    for name, key in kinds.items():
        rows[f"Stage III, {name}"] = tuple(report[split][key]["weighted_f1"] for split in splits)
    trust = {name: tuple(values.values()) for name, values in report["trust"].items()}
    return (
        "MELD's dialogues with RAVDESS' sound paired in (percent; see above for what this is worth):\n\n"
        + _table("| validation weighted F1 | test weighted F1", rows)
        + "\n\nHow far each modality's Stage II could be trusted where the fusion was trained (weighted F1):\n\n"
        + _table("| " + " | ".join(next(iter(report["trust"].values()))), trust)
        + f"\n\nShare of pairs left matched, beyond what is mismatched in training: {report['speech_kept']:.2f}."
    )
