"""The model card of a bundle, written from its manifest."""

from collections.abc import Mapping
from typing import Any

from models.bundle import Manifest

DATA = """\
| data | used for | terms |
|---|---|---|
| MELD (Poria et al. 2019), transcripts of Friends dialogues, official splits | words; order and labels of turns | \
published for research, repository under GPL-3 |
| RAVDESS speech (Livingstone & Russo 2018), actors 01-20 | sound | CC BY-NC-SA 4.0 |
| all-MiniLM-L6-v2, the base text encoder | its token embeddings are used as they are, pinned by SHA-256 | \
Apache-2.0 |
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

LIMITS = """\
- What this bundle does on real conversations with real paired sound and words **is unknown**: no such data could \
be had. Every figure "with sound" below is on MELD's words with RAVDESS' acted voices.
- The sound was learnt from 16 North American actors speaking two sentences. Other accents, ages, languages and \
unacted speech may be judged wrongly: ordinary read sentences are often taken for disgust or anger by their sound.
- The words were learnt from the scripts of one American comedy of the 1990s. English only.
- Figures on MELD are on published transcripts, with punctuation. Recognisers that write none (pocketsphinx) leave \
less to go by: see "as recognised" below.
- An emotion label is what annotators took an utterance to show. It is not what a person feels, and must not be \
used to decide anything about a person.
"""


def model_card(manifest: Manifest) -> str:
    """Markdown: what it is, how it was made, all its figures, and what it can't do."""
    m = manifest.metrics
    sections = [
        f"# {manifest.name} (version {manifest.version})",
        f"Emotion of every turn of a conversation, from words and sound: {', '.join(manifest.labels)}. Trained by "
        "this repository's `merits-train` in the three stages of MERITS-L (Dutta & Ganapathy, ICASSP 2025).",
        "## How it was made",
        "```sh\n" + "\n".join(manifest.training["commands"]) + "\n```",
        "Seed 1 throughout unless a command says otherwise; all settings are in `bundle.json` under `training`. "
        "Every epoch was selected on validation data only. Stage III starts from the sum of what both "
        "modalities say alone and learns a correction by co-attention, where the paper reads the emotion off the "
        "co-attention only.",
        "## Data",
        DATA,
        PAIRING,
        "## Figures",
        _words(m),
        _sound(m),
        _fusion(m),
        "## What it can't do",
        LIMITS,
        "All metrics, with confusion matrices, are in `bundle.json` under `metrics`.",
    ]
    return "\n\n".join(section.strip() for section in sections) + "\n"


def _table(header: str, rows: Mapping[str, tuple[Any, ...]]) -> str:
    columns = header.count("|") + 1
    lines = [f"| {header} |", "|" + "---|" * columns]
    for name, values in rows.items():
        cells = [f"{value:.2f}" if isinstance(value, float) else str(value) for value in values]
        lines.append(f"| {' | '.join([name, *cells])} |")
    return "\n".join(lines)


def _f1(report: Mapping[str, Any]) -> tuple[float, float, float]:
    return report["weighted_f1"], report["macro_f1"], report["accuracy"]


def _words(m: Mapping[str, Any]) -> str:
    validation, test = m["bundle_validation"], m["bundle_test"]
    rows: dict[str, tuple[Any, ...]] = {}
    for name, key in {
        "Stage I": "text_stage1",
        "Stage II, offline": "text_stage2",
        "Stage II, at first emission": "text_stage2_first_emission",
        "whole bundle, offline": "bundle_offline",
        "whole bundle, at first emission": "bundle_first_emission",
    }.items():
        rows[name] = (validation[key]["weighted_f1"], *_f1(test[key]))
    plain = m["text1"]["as_recognised"]
    rows["Stage I, as recognised (lower case, no punctuation)"] = (
        plain["validation"],
        plain["test"],
        "",
        "",
    )
    by_class = test["bundle_offline"]["f1"]
    return (
        "MELD, words alone, by the bundle as it is stored (percent):\n\n"
        + _table("| validation weighted F1 | test weighted F1 | test macro F1 | test accuracy", rows)
        + "\n\nTest F1 by emotion, whole bundle, offline: "
        + ", ".join(f"{label} {value:.1f}" for label, value in by_class.items())
        + "."
    )


def _sound(m: Mapping[str, Any]) -> str:
    stage1 = m["speech1"]
    rows = {
        "shipped: trained on actors 01-16, selected on 17-18, tested on 19-20": (
            stage1["validation"]["weighted_f1"],
            stage1["test"]["weighted_f1"],
        )
    }
    text = (
        "RAVDESS, Stage I of the sound, unseen actors, seven emotions, calm counted as neutral (percent):\n\n"
    )
    text += _table("| validation weighted F1 | test weighted F1", rows)
    if "speech_folds" in m:
        folds = m["speech_folds"]
        text += (
            f"\n\nFive speaker-disjoint folds (four test actors each, selected on two others): weighted F1 "
            f"{folds['test']['mean']:.2f} ± {folds['test']['std']:.2f} (mean, standard deviation)."
        )
    return text


def _fusion(m: Mapping[str, Any]) -> str:
    report, speech = m["fusion"], m["speech2"]
    rows = {
        "Stage II of the sound, offline": (
            speech["validation"]["weighted_f1"],
            speech["test"]["weighted_f1"],
        ),
        **{
            f"Stage III, {name}": (
                report["validation"][key]["weighted_f1"],
                report["test"][key]["weighted_f1"],
            )
            for name, key in (
                ("words and sound", "with_sound"),
                ("words alone", "words_alone"),
                ("sound alone", "sound_alone"),
            )
        },
    }
    trust = {name: tuple(values.values()) for name, values in report["trust"].items()}
    return (
        "MELD's dialogues with RAVDESS' sound paired in (percent; see above for what this is worth):\n\n"
        + _table("| validation weighted F1 | test weighted F1", rows)
        + "\n\nHow far each modality's Stage II could be trusted where the fusion was trained (weighted F1):\n\n"
        + _table("| " + " | ".join(next(iter(report["trust"].values()))), trust)
        + f"\n\nShare of pairs left matched, beyond what is mismatched in training: {report['speech_kept']:.2f}."
    )
