"""Stage I, text: the encoder is fine-tuned on single utterances (MERITS-L, section III-B)."""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from models.base_encoder import find_base, weights_sha256
from models.text import TextConfig, TextEncoder
from offline_train.corpora.corpus import Conversation
from offline_train.fit import FitSettings, fit
from offline_train.metrics import classification
from offline_train.run import Run


@dataclass(frozen=True)
class TextStageSettings:
    """How Stage I of the text modality is trained.

    Attributes:
        base: the encoder to start from.
        epochs: passes over the training split.
        batch: utterances a batch.
        learning_rate: peak, of AdamW.
        seed: of initialisation, order and dropout.
        as_recognised: share of training utterances shown as a recogniser would write them: lower case, no
            punctuation. Keeps the encoder from leaning on marks that live transcripts may lack.
        label_smoothing: of the cross-entropy.
        average: decay of the moving average of the weights (see `FitSettings`).
    """

    base: str = "all-MiniLM-L6-v2"
    epochs: int = 4
    batch: int = 32
    learning_rate: float = 6e-5
    seed: int = 1
    as_recognised: float = 0.4
    label_smoothing: float = 0.1
    average: float = 0.99


def train_text(
    conversations: dict[str, list[Conversation]],
    labels: Sequence[str],
    settings: TextStageSettings,
    run: Run,
) -> dict[str, Any]:
    """Fine-tune on split "train"; "test" is only ever looked at once, at the end.

    The epoch kept is the one with the best weighted F1 on "validation", as the mean of the texts as they are
    written and as a recogniser without punctuation would write them.

    Returns:
        Metrics by split, as stored in the run.
    """
    torch.manual_seed(settings.seed)
    folder = find_base(settings.base)
    config = TextConfig(base=settings.base, classes=len(labels))
    model = TextEncoder(config, folder)
    data = {split: scored_texts(part, labels) for split, part in conversations.items()}
    texts, targets = data["train"]

    def batches(generator: torch.Generator) -> list[tuple[Tensor, Tensor, Tensor]]:
        chance = random.Random(int(torch.randint(2**31, (), generator=generator)))
        shown = [as_recognised(text) if chance.random() < settings.as_recognised else text for text in texts]
        return [
            (*model.tokenize([shown[i] for i in chosen]), targets[chosen])
            for chosen in batches_by_length([len(text) for text in shown], settings.batch, chance)
        ]

    def loss(batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        ids, mask, target = batch
        _, logits = model(ids, mask)
        return functional.cross_entropy(logits, target, label_smoothing=settings.label_smoothing)

    def judge(split: str, *, plain: bool = False) -> dict[str, Any]:
        texts, targets = data[split]
        _, logits = model.embed([as_recognised(text) for text in texts] if plain else texts)
        return classification(targets.numpy(), logits.argmax(1).numpy(), labels)

    def validate() -> dict[str, float]:
        written = judge("validation")["weighted_f1"]
        recognised = judge("validation", plain=True)["weighted_f1"]
        return {"score": (written + recognised) / 2, "as_written": written, "as_recognised": recognised}

    optimise = FitSettings(
        epochs=settings.epochs,
        learning_rate=settings.learning_rate,
        seed=settings.seed,
        average=settings.average,
    )
    best = fit(model, batches, loss, validate, optimise, run.folder, "Stage I text")
    metrics = {
        "best_epoch": int(best["epoch"]),
        **{split: judge(split) for split in data},
        "as_recognised": {
            split: judge(split, plain=True)["weighted_f1"] for split in data if split != "train"
        },
    }
    run.finish(model, {"text": config, "base_sha256": weights_sha256(folder)}, metrics)
    return metrics


def scored_texts(conversations: Sequence[Conversation], labels: Sequence[str]) -> tuple[list[str], Tensor]:
    """The texts that carry both words and a label, and their class indices [N]."""
    rows = [
        (utterance.text, labels.index(utterance.label))
        for conversation in conversations
        for utterance in conversation.utterances
        if utterance.text and utterance.label is not None
    ]
    return [text for text, _ in rows], torch.tensor([label for _, label in rows])


def as_recognised(text: str) -> str:
    """A transcript as recognisers without punctuation write it: lower case words, apostrophes kept."""
    words = re.sub(r"[^\w\s']", " ", text.replace("’", "'").lower()).split()
    return " ".join(words) or text


def batches_by_length(lengths: Sequence[int], size: int, chance: random.Random) -> list[list[int]]:
    """Random batches whose members are of similar length, so that little is padding."""
    order = list(range(len(lengths)))
    chance.shuffle(order)
    pool = size * 50
    batches = []
    for start in range(0, len(order), pool):
        near = sorted(order[start : start + pool], key=lambda i: lengths[i])
        batches += [near[i : i + size] for i in range(0, len(near), size)]
    chance.shuffle(batches)
    return batches
