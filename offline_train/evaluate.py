"""How well a bundle does on a corpus: offline, and as streamed."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from models.bundle import Bundle
from offline_train.corpora.corpus import Conversation
from offline_train.dialogues import sequences
from offline_train.metrics import classification
from offline_train.sequences import UNSCORED
from offline_train.stage2 import judge_context
from offline_train.stage3 import first_emissions, offline


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a bundle says of one utterance.

    Attributes:
        dialogue: the conversation's id.
        utterance: its own.
        label: the truth.
        predicted: with the whole conversation in view.
        first_emission: when it was the newest.
    """

    dialogue: str
    utterance: str
    label: str
    predicted: str
    first_emission: str


def evaluate(
    bundle: Bundle, conversations: Sequence[Conversation], window: int
) -> tuple[dict[str, Any], list[Prediction]]:
    """Judge conversations by their words, stage by stage.

    Args:
        bundle: what to judge with.
        conversations: with text and labels that the bundle knows.
        window: turns of context as streamed.

    Returns:
        Metrics of Stage I and Stage II of the words and of the whole bundle (offline and at first emission),
        and every scored utterance's predictions.
    """
    labels = bundle.labels
    rows, stage1 = bundle.text.embed([u.text or "" for c in conversations for u in c.utterances])
    data = sequences(conversations, rows)
    truth = torch.cat([conversation.labels for conversation in data])
    scored = truth != UNSCORED
    silent = torch.zeros(1, bundle.conversation.config.speech.features)
    shown = [type(c)(c.text, silent.expand(len(c), -1), c.present, c.labels) for c in data]
    whole = torch.cat([offline(bundle.conversation, c).argmax(-1) for c in shown])
    first = torch.cat([first_emissions(bundle.conversation, c, window).argmax(-1) for c in shown])
    stage2 = {
        emission: judge_context(
            bundle.conversation.text, "text", data, labels, first_emission=emission == "first"
        )
        for emission in ("offline", "first")
    }

    def judge(predicted: torch.Tensor) -> dict[str, Any]:
        return classification(truth[scored].numpy(), predicted[scored].numpy(), labels)

    report: dict[str, Any] = {
        "bundle": bundle.name,
        "dialogues": len(conversations),
        "utterances": int(scored.sum()),
        "window": window,
        "text_stage1": judge(stage1.argmax(1)),
        "text_stage2": stage2["offline"],
        "text_stage2_first_emission": stage2["first"],
        "bundle_offline": judge(whole),
        "bundle_first_emission": judge(first),
    }
    report["streaming_gap"] = (
        report["bundle_offline"]["weighted_f1"] - report["bundle_first_emission"]["weighted_f1"]
    )
    names = [(c.id, u.id) for c in conversations for u in c.utterances]
    predictions = [
        Prediction(*name, *(labels[int(each[row])] for each in (truth, whole, first)))
        for row, name in enumerate(names)
        if scored[row]
    ]
    return report, predictions


def write_predictions(path: Path, predictions: Sequence[Prediction]) -> None:
    """A CSV with a row an utterance."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(Prediction.__slots__)
        writer.writerows(
            [getattr(prediction, column) for column in Prediction.__slots__] for prediction in predictions
        )
