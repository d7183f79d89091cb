"""Agreement of annotations with human labels (MERITS-L, section IV-D)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.metrics import cohen_kappa_score, confusion_matrix, precision_recall_fscore_support

from offline_train.annotation.output import check_same_texts
from offline_train.annotation.prompt import SENTIMENTS
from offline_train.annotation.records import Annotation, read_annotations
from offline_train.annotation.texts import Texts
from offline_train.errors import UsageError


def agreement_with_people(path: Path, texts: Texts) -> dict[str, Any]:
    """`agreement` of the annotations in a file.

    Raises:
        UsageError: they are of other texts, or there is nothing to compare.
    """
    annotations = read_annotations(path)
    check_same_texts(path, annotations, texts.texts)
    return agreement(annotations, texts)


def agreement(annotations: Sequence[Annotation], texts: Texts) -> dict[str, Any]:
    """Compare annotations, sentiments or emotions, with the human labels of the same texts.

    Returns:
        truth (source of the human labels), labels, n, accuracy in percent, kappa (Cohen's; None if
        undefined), per_class (n, precision, recall and f1 in percent), confusion (rows: human, columns:
        annotated) and unjudged (number of annotated texts without a human label).

    Raises:
        UsageError: there is nothing to compare.
    """
    found = {each.label for each in annotations}
    labels: tuple[str, ...]
    true: dict[str, str]
    if found <= set(SENTIMENTS):
        labels, source = tuple(SENTIMENTS), texts.truth
        true = {text.id: text.sentiment for text in texts.texts if text.sentiment}
    elif found <= set(texts.emotions):
        labels, source = texts.emotions, "the corpus' own emotions"
        true = {text.id: text.emotion for text in texts.texts if text.emotion}
    else:
        odd = ", ".join(sorted(found - set(SENTIMENTS) - set(texts.emotions)))
        raise UsageError(f"{texts.source} does not know the annotations' labels ({odd}): nothing to compare")
    judged = [each for each in annotations if each.id in true]
    if source is None or not true:
        raise UsageError(f"{texts.source} has no labels of that kind to compare with")
    if not judged:
        raise UsageError(f"none of the annotated texts is labelled in {texts.source}; were they from there?")
    truth, said = [true[each.id] for each in judged], [each.label for each in judged]
    matrix = confusion_matrix(truth, said, labels=labels)
    shares = precision_recall_fscore_support(truth, said, labels=labels, zero_division=0)
    measures = zip(labels, *(column.tolist() for column in shares), strict=True)
    constant = len({*truth, *said}) == 1
    return {
        "truth": source,
        "labels": list(labels),
        "n": len(judged),
        "unjudged": len(annotations) - len(judged),
        "accuracy": 100 * float(np.trace(matrix)) / len(judged),
        "kappa": None if constant else float(cohen_kappa_score(truth, said, labels=labels)),
        "per_class": {
            label: {"n": int(n), "precision": 100 * precision, "recall": 100 * recall, "f1": 100 * f1}
            for label, precision, recall, f1, n in measures
        },
        "confusion": matrix.tolist(),
    }


def show_agreement(report: dict[str, Any], console: Console) -> None:
    """Print the result of `agreement`."""
    kappa = "undefined" if report["kappa"] is None else f"{report['kappa']:.3f}"
    left = f", {report['unjudged']:,} more have no label to compare with" if report["unjudged"] else ""
    console.print(f"agreement with {report['truth']}:", soft_wrap=True)
    console.print(
        f"accuracy {report['accuracy']:.2f} %, Cohen's kappa {kappa}, n {report['n']:,}{left}",
        soft_wrap=True,
    )
    table = Table("people say", *report["labels"], "precision", "recall", "F1", box=None)
    for column in table.columns[1:]:
        column.justify = "right"
    for label, row in zip(report["labels"], report["confusion"], strict=True):
        scores = report["per_class"][label]
        table.add_row(
            label, *map(str, row), *(f"{scores[name]:.1f}" for name in ("precision", "recall", "f1"))
        )
    console.print(table)
