"""Evaluates a bundle or a run on a corpus: by stage, offline, as streamed, and its calibration."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import track
from torch import Tensor

from models.atomic_write import replacing
from offline_train.batches.sequences import UNSCORED, Embedded, Modality
from offline_train.corpora.corpus import Conversation, Corpus, Split
from offline_train.errors import UsageError
from offline_train.evaluation.calibration import calibration, expected_calibration_error, fit_temperature
from offline_train.evaluation.judge import SOUND, WORDS, judge_conversations
from offline_train.evaluation.metrics import classification
from offline_train.evaluation.streamed import WINDOWS, Streamed, offline, only, stream
from offline_train.evaluation.target import EvaluationTarget

COLUMNS = ("dialogue", "utterance", "label", "predicted", "first_emission")
"""Columns of predictions: the ids of conversation and utterance, the true label, and the labels predicted
offline and when the utterance was the newest turn."""


def scored_part(corpus: Corpus, split: Split, target: EvaluationTarget) -> Sequence[Conversation]:
    """A split on which a target can be evaluated.

    Raises:
        UsageError: it has labels that the target lacks, or none at all.
    """
    if unknown := [label for label in corpus.labels if label not in target.labels]:
        raise UsageError(
            f"{corpus.name} has labels that {target.name} was not trained on: {', '.join(unknown)};"
            f" it knows {', '.join(target.labels)}"
        )
    conversations = corpus.splits[split]
    if not any(utterance.label for c in conversations for utterance in c.utterances):
        there = [name for name, part in corpus.splits.items() if part]
        raise UsageError(
            f"{corpus.name} has no labelled utterances in split {split}; it has {', '.join(there) or 'none'}"
        )
    return conversations


def temperature_on(target: EvaluationTarget, validation: Sequence[Conversation]) -> float | None:
    """The temperature fitted on offline logits of validation data; None if there are none."""
    if not any(utterance.label for conversation in validation for utterance in conversation.utterances):
        return None
    data = target.embed(validation, "validation")
    truth = torch.cat([conversation.labels for conversation in data])
    judged = truth != UNSCORED
    if target.conversation is None:
        (modality,) = target.heads
        logits, there = _stage1(target, data, modality)
        judged &= there
    else:
        model = target.conversation
        logits = torch.cat([offline(model, _shown(target, conversation)).fused for conversation in data])
    return fit_temperature(logits[judged], truth[judged]) if judged.any() else None


def evaluate(
    target: EvaluationTarget,
    conversations: Sequence[Conversation],
    split: Split,
    window: int,
    temperature: float | None,
) -> tuple[dict[str, Any], list[tuple[str, ...]]]:
    """Evaluate a target on conversations with labelled utterances.

    If a modality is missing (a corpus without recordings, a bundle without a speech path), the other is
    evaluated alone.

    Args:
        target: the bundle or run.
        conversations: conversations with the target's labels.
        split: their split, whose actors speak them if they have no sound of their own.
        window: turns of context as streamed, for "bundle_first_emission".
        temperature: the result of `temperature_on`.

    Returns:
        The report, and `COLUMNS` of every scored utterance. The report has: modalities ("words", "sound"),
        dialogues, utterances, window; text_stage1, text_stage2, text_stage2_first_emission, and the same for
        speech; bundle_offline and bundle_first_emission for all stages together; words_alone and sound_alone,
        if there are both: each as returned by `classification`; streaming_gap, points of weighted F1;
        look_ahead {"0": weighted F1, ...} by number of known later turns; windows {"4": {first_emission,
        final}, ...}, weighted F1 by turns of context; calibration of the offline probabilities, with
        ece_first_emission. A run of Stage I, without context, has only its own scores and calibration.

    Raises:
        UsageError: the conversations have none of the target's modalities.
    """
    data = target.embed(conversations, split)
    truth = torch.cat([conversation.labels for conversation in data])
    scored = truth != UNSCORED
    used = _modalities(target, data)
    report: dict[str, Any] = {
        "modalities": [{"text": "words", "speech": "sound"}[modality] for modality in used],
        "dialogues": len(conversations),
        "utterances": int(scored.sum()),
        "window": window,
    }
    for modality in used:
        logits, there = _stage1(target, data, modality)
        judged = scored & there
        report[f"{modality}_stage1"] = _figures(truth[judged], logits[judged], target)
    if target.conversation is None:
        scored, whole, first = judged, logits[judged], logits[judged]
        report["utterances"] = int(scored.sum())
    else:
        shown = [_shown(target, conversation) for conversation in data]
        console = Console(stderr=True)
        watched = track(shown, "judging", console=console, transient=True, disable=not console.is_terminal)
        streamed = stream(target.conversation, watched, sorted({*WINDOWS, window}))
        report |= _as_streamed(target, streamed, used, window)
        if len(used) == 2:
            for name, kept in (("words_alone", WORDS), ("sound_alone", SOUND)):
                report[name] = judge_conversations(target.conversation, shown, target.labels, kept=kept)
        whole, first = streamed.offline.fused, streamed.windows[window].first_emission
    report["calibration"] = {
        **calibration(whole, truth[scored], temperature),
        "ece_first_emission": expected_calibration_error(first, truth[scored], temperature or 1.0),
    }
    if target.temperature is not None:
        report["calibration"]["bundle_temperature"] = target.temperature
    names = [
        (conversation.id, utterance.id)
        for conversation in conversations
        for utterance in conversation.utterances
    ]
    rows = zip(
        scored.nonzero()[:, 0].tolist(), whole.argmax(1).tolist(), first.argmax(1).tolist(), strict=True
    )
    return report, [
        (*names[row], *(target.labels[each] for each in (int(truth[row]), last, newest)))
        for row, last, newest in rows
    ]


def _modalities(target: EvaluationTarget, data: Sequence[Embedded]) -> list[Modality]:
    """The modalities that the target uses and the data has."""
    said, heard = torch.cat([conversation.present for conversation in data]).any(0).tolist()
    used: list[Modality] = [m for m in target.heads if (said if m == "text" else heard)]
    if not used:
        wanted = " or ".join({"text": "words", "speech": "sound"}[modality] for modality in target.heads)
        raise UsageError(f"{target.name} judges by {wanted}, and this corpus has none that goes with it")
    return used


def _stage1(target: EvaluationTarget, data: Sequence[Embedded], modality: Modality) -> tuple[Tensor, Tensor]:
    """Logits [N, C] of all utterances, and which have the modality [N]."""
    rows = torch.cat([getattr(conversation, modality) for conversation in data])
    column = 0 if modality == "text" else 1
    head = target.heads[modality]
    with torch.inference_mode():
        logits: Tensor = head(rows.to(next(head.parameters()).device)).cpu()
    return logits, torch.cat([conversation.present[:, column] for conversation in data])


def _shown(target: EvaluationTarget, conversation: Embedded) -> Embedded:
    return only(target.alone, conversation) if target.alone else conversation


def _figures(truth: Tensor, logits: Tensor, target: EvaluationTarget) -> dict[str, Any]:
    return classification(truth.numpy(), logits.argmax(1).numpy(), target.labels)


def _as_streamed(
    target: EvaluationTarget, streamed: Streamed, used: Sequence[Modality], window: int
) -> dict[str, Any]:
    def judge(logits: Tensor) -> dict[str, Any]:
        return _figures(streamed.truth, logits, target)

    def f1(logits: Tensor) -> float:
        return float(judge(logits)["weighted_f1"])

    report = {}
    for modality in used:
        of: Modality = "text" if target.alone else modality
        report[f"{modality}_stage2"] = judge(getattr(streamed.offline, of))
        report[f"{modality}_stage2_first_emission"] = judge(getattr(streamed.look_ahead[0], of))
    whole, first = judge(streamed.offline.fused), judge(streamed.windows[window].first_emission)
    return {
        **report,
        "bundle_offline": whole,
        "bundle_first_emission": first,
        "streaming_gap": whole["weighted_f1"] - first["weighted_f1"],
        "look_ahead": {str(turns): f1(logits.fused) for turns, logits in streamed.look_ahead.items()},
        "windows": {
            str(size): {"first_emission": f1(each.first_emission), "final": f1(each.final)}
            for size, each in streamed.windows.items()
        },
    }


def write_predictions(path: Path, predictions: Sequence[Sequence[str]]) -> None:
    """Write a CSV of `COLUMNS`, a row per utterance."""
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *predictions])
