"""How the words of a target do on corpora whose labels differ from its own."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from offline_train.corpora.corpus import Conversation, Corpus
from offline_train.corpora.emotions import EMOTIONS, emotion_named
from offline_train.corpora.layout import home
from offline_train.corpora.registry import read_corpus
from offline_train.errors import UsageError
from offline_train.evaluation.evaluate import evaluate, scored_part
from offline_train.evaluation.in_common import in_common, left_out
from offline_train.evaluation.target import EvaluationTarget

WORDS = ("meld", "msp-podcast", "goemotions", "dailydialog", "iemocap")
"""Corpora of words with emotions."""

_JUDGED = {"text_stage1": "Stage I", "text_stage2": "Stage II", "bundle_first_emission": "first emission"}


def corpora_in(folder: Path) -> list[str]:
    """Names of the corpora of words in a folder, each in a folder of its name (msp_podcast, say).

    Raises:
        UsageError: there is none.
    """
    found = [name for name in WORDS if home(folder, name).is_dir()]
    if not found:
        homes = ", ".join(home(folder, name).name for name in WORDS)
        raise UsageError(f"expected folders of corpora ({homes}) in {folder}, found none")
    return found


def transfer(target: EvaluationTarget, folder: Path) -> dict[str, Any]:
    """Evaluate the words of a target on the test split of each corpus in a folder.

    Returns:
        By corpus: the report of `evaluate`, with the labels in common and how many utterances of other
        emotions were left out (see `in_common`).
    """
    reports = {}
    for name in corpora_in(folder):
        whole = _words_alone(read_corpus(name, home(folder, name)))
        corpus, narrowed = in_common(whole, target)
        conversations = scored_part(corpus, "test", narrowed)
        report, _ = evaluate(narrowed, conversations, "test", target.window, target.temperature)
        missing = left_out(whole, corpus, "test")
        reports[name] = {"labels": list(narrowed.labels), "left_out": missing, **report}
    return reports


def show_transfer(reports: dict[str, Any], console: Console) -> None:
    """Print a row for each corpus and what is judged of it."""
    table = Table("corpus", "judged", "n", "macro F1", "weighted F1", *EMOTIONS, box=None, pad_edge=False)
    for column in table.columns[2:]:
        column.justify = "right"
    for name, report in reports.items():
        for key, judged in _JUDGED.items():
            if (scores := report.get(key)) is None:
                continue
            f1 = {emotion_named(label): f"{value:.1f}" for label, value in scores["f1"].items()}
            table.add_row(
                name,
                judged,
                f"{scores['utterances']:,}",
                *(f"{scores[measure]:.2f}" for measure in ("macro_f1", "weighted_f1")),
                *(f1.get(emotion, "") for emotion in EMOTIONS),
            )
    console.print(table)


def _words_alone(corpus: Corpus) -> Corpus:
    def silent(conversations: Sequence[Conversation]) -> list[Conversation]:
        return [
            replace(
                each,
                utterances=tuple(
                    replace(u, recording=None, speech=None, prosody=None) for u in each.utterances
                ),
            )
            for each in conversations
        ]

    splits = {split: silent(conversations) for split, conversations in corpus.splits.items()}
    return replace(corpus, splits=splits)
