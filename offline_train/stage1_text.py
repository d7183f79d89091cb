"""Stage I, text: the encoder is fine-tuned on single utterances (MERITS-L, section III-B)."""

import random
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from models.base_encoder import find_base, weights_sha256
from models.text import TextConfig, TextEncoder, Tokens
from offline_train.class_balance import class_weights
from offline_train.corpora.corpus import SPLITS, Corpus, Split
from offline_train.fit import FitSettings, fit
from offline_train.metrics import classification
from offline_train.pretrain_text import load_pretrained
from offline_train.run import Run
from offline_train.text_batches import plain, shown_utterances, text_batches


@dataclass(frozen=True)
class TextStageSettings:
    """How Stage I of the text modality is trained.

    Attributes:
        base: the encoder to start from; a pre-trained one replaces its weights.
        context_turns: preceding turns that the encoder reads before the utterance.
        context_words: of them together at most, the latest.
        batch: utterances a batch.
        as_recognised: share of training utterances shown once more in each epoch, as a recogniser would
            write them: lower case, no punctuation. Keeps the encoder from leaning on marks that live
            transcripts may lack.
        label_smoothing: of the cross-entropy.
        balance: 0 weighs utterances equally, 1 weighs emotions equally.
        fit: how to optimise.
    """

    base: str = "all-MiniLM-L6-v2"
    context_turns: int = 0
    context_words: int = 32
    batch: int = 32
    as_recognised: float = 0.4
    label_smoothing: float = 0.1
    balance: float = 0.3
    fit: FitSettings = field(
        default_factory=lambda: FitSettings(epochs=4, learning_rate=6e-5, average=0.99, precision="bf16")
    )


def train_text(
    corpus: Corpus, settings: TextStageSettings, run: Run, pretrained: Run | None = None
) -> dict[str, Any]:
    """Fine-tune on split "train"; "test" is only ever looked at once, at the end.

    The epoch kept is the one with the best weighted F1 on "validation", as the mean of the texts as they are
    written and as a recogniser without punctuation would write them.

    Args:
        corpus: with words and labels.
        settings: how.
        run: where.
        pretrained: RoBERTa-FT to start from, a run of `pretrain-text`.

    Returns:
        Metrics by split, as stored in the run.
    """
    torch.manual_seed(settings.fit.seed)
    folder = find_base(settings.base)
    config = TextConfig(
        base=settings.base,
        context_turns=settings.context_turns,
        context_words=settings.context_words,
        classes=len(corpus.labels),
    )
    model = TextEncoder(config, folder)
    if pretrained is not None:
        load_pretrained(model, pretrained)
    data = {
        split: shown_utterances(corpus.splits[split], corpus.labels, settings.context_turns)
        for split in SPLITS
    }

    truth = torch.stack([each.target for each in data["train"]]).argmax(1)
    weights = class_weights(truth, len(corpus.labels), settings.balance)

    def batches(generator: torch.Generator) -> list[tuple[Tokens, Tensor]]:
        chance = random.Random(int(torch.randint(2**31, (), generator=generator)))
        again = chance.sample(data["train"], int(settings.as_recognised * len(data["train"])))
        shown = data["train"] + [plain(each) for each in again]
        return text_batches(model, shown, settings.batch, chance)

    def loss(batch: tuple[Tokens, Tensor]) -> Tensor:
        tokens, target = batch
        _, logits = model(tokens)
        return functional.cross_entropy(
            logits.float(),
            target,
            weights.to(target.device),
            label_smoothing=settings.label_smoothing,
        )

    def judge(split: Split, *, recognised: bool = False) -> dict[str, Any]:
        shown = [plain(each) for each in data[split]] if recognised else data[split]
        _, logits = model.embed([each.text for each in shown], [each.context for each in shown])
        truth = torch.stack([each.target for each in shown]).argmax(1)
        return classification(truth.numpy(), logits.argmax(1).numpy(), corpus.labels)

    def validate() -> dict[str, float]:
        written = judge("validation")["weighted_f1"]
        recognised = judge("validation", recognised=True)["weighted_f1"]
        return {"score": (written + recognised) / 2, "as_written": written, "as_recognised": recognised}

    best = fit(model, batches, loss, validate, settings.fit, run.folder, "Stage I text")
    judged: tuple[Split, ...] = ("validation", "test")
    metrics: dict[str, Any] = {
        "best_epoch": int(best["epoch"]),
        **{split: judge(split) for split in judged},
        "as_recognised": {split: judge(split, recognised=True)["weighted_f1"] for split in judged},
    }
    run.finish(model, {"text": config, "base_sha256": weights_sha256(folder)}, metrics)
    return metrics
