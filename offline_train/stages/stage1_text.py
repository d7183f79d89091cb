"""Stage I, text: the encoder is fine-tuned on single utterances (MERITS-L, section III-B)."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from pydantic import NonNegativeFloat, NonNegativeInt, PositiveInt
from torch import Tensor
from torch.nn import functional

from models.base_encoder import find_base, weights_sha256
from models.text_encoder import LoraRank, TextConfig, TextEncoder, Tokens
from offline_train.batches.class_balance import class_weights
from offline_train.batches.mix import Mix, MixSettings
from offline_train.batches.text import Shown, plain, shown_utterances, smoothed, text_batches
from offline_train.corpora.corpus import SPLITS, Corpus, Split
from offline_train.embeddings.text import judge_text
from offline_train.errors import RunFolderError, UsageError
from offline_train.evaluation.metrics import classification
from offline_train.runs.run import Run
from offline_train.stages.pretrain_text import load_pretrained
from offline_train.training.adapters import train_adapters
from offline_train.training.fit import FitSettings, fit
from offline_train.training.settings import Share


@dataclass(frozen=True)
class TextStageSettings:
    """Settings of Stage I of the text modality.

    Attributes:
        base: the encoder to start from; a pre-trained one replaces its weights.
        context_turns: maximum number of preceding turns in the encoder's input.
        context_words: maximum number of words of the preceding turns, the latest.
        train_embeddings: whether to fine-tune token embeddings, which a bundle must then contain.
        lora_rank: rank of adapters to train instead of the encoder itself, for a small bundle; 0 for none.
        batch: utterances per batch.
        as_recognised: share of training utterances repeated in each epoch in lower case without punctuation,
            as from a speech recogniser, so that the encoder does not depend on punctuation.
        label_smoothing: label smoothing of the cross-entropy.
        balance: 0 weights utterances equally, 1 weights emotions equally.
        distil: weight of the teachers' probabilities in the target; the rest is the label.
        mix: how annotated texts are mixed in, if there are some.
        fit: settings of the optimisation.
    """

    base: str = "all-MiniLM-L6-v2"
    context_turns: NonNegativeInt = 0
    context_words: PositiveInt = 32
    train_embeddings: bool = False
    lora_rank: LoraRank = 0
    batch: PositiveInt = 32
    as_recognised: Share = 0.4
    label_smoothing: Share = 0.1
    balance: NonNegativeFloat = 0.3
    distil: Share = 0.7
    mix: MixSettings = field(default_factory=MixSettings)
    fit: FitSettings = field(
        default_factory=lambda: FitSettings(epochs=4, learning_rate=6e-5, average=0.99, precision="bf16")
    )


def train_text(
    corpus: Corpus,
    settings: TextStageSettings,
    run: Run,
    pretrained: Run | None = None,
    teachers: Sequence[Run] = (),
    annotations: Sequence[Path] = (),
) -> dict[str, Any]:
    """Fine-tune on split "train"; "test" is evaluated once, at the end.

    The epoch with the best weighted F1 on "validation" is kept: the mean over the original texts and the
    texts in lower case without punctuation.

    Args:
        corpus: a corpus with words and labels.
        settings: the settings.
        run: the run to write.
        pretrained: run of `pretrain-text` to start from (RoBERTa-FT).
        teachers: Stage I runs of the text modality on the same corpus, with any encoders; the mean of their
            probabilities is distilled into this model (Hinton et al., 2015).
        annotations: files of annotated texts to train on beside the corpus.

    Returns:
        Metrics by split, as stored in the run.

    Raises:
        RunFolderError: a teacher or `pretrained` is of another kind.
        UsageError: a split has no labelled utterances with words, or a file of annotations can't be used.
    """
    data = {
        split: shown_utterances(corpus.splits[split], corpus.labels, settings.context_turns)
        for split in SPLITS
    }
    for split, shown in data.items():
        if not shown:
            raise UsageError(f"{corpus.name}: no labelled utterance of split {split} has words")
    mix = Mix(annotations, corpus.labels, settings.mix, settings.label_smoothing)
    torch.manual_seed(settings.fit.seed)
    folder = find_base(settings.base)
    config = TextConfig(
        base=settings.base,
        context_turns=settings.context_turns,
        context_words=settings.context_words,
        train_embeddings=settings.train_embeddings,
        lora_rank=settings.lora_rank,
        classes=len(corpus.labels),
    )
    model = TextEncoder(config, folder, adapt=train_adapters)
    if pretrained is not None:
        load_pretrained(model, pretrained)
    truth = torch.stack([each.target for each in data["train"]]).argmax(1)
    weights = class_weights(truth, len(corpus.labels), settings.balance)
    if teachers:
        data["train"] = taught(data["train"], corpus, teachers, settings.distil)
    else:
        data["train"] = [
            replace(each, target=smoothed(each.target, settings.label_smoothing)) for each in data["train"]
        ]
    plain_share = settings.as_recognised / (1 + settings.as_recognised)

    def batches(generator: torch.Generator) -> list[tuple[Tokens, Tensor]]:
        chance = random.Random(int(torch.randint(2**31, (), generator=generator)))
        again = chance.sample(data["train"], int(settings.as_recognised * len(data["train"])))
        shown = data["train"] + [plain(each) for each in again]
        drawn = mix.drawn_for(len(shown), generator)
        shown += [plain(each) if chance.random() < plain_share else each for each in drawn]
        return text_batches(model, shown, settings.batch, chance)

    def loss(batch: tuple[Tokens, Tensor]) -> Tensor:
        tokens, target = batch
        _, logits = model(tokens)
        return functional.cross_entropy(logits.float(), target, weights.to(target.device))

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
        "annotated": mix.texts,
        **{split: judge(split) for split in judged},
        "as_recognised": {split: judge(split, recognised=True)["weighted_f1"] for split in judged},
    }
    run.finish(model, {"text": config, "base_sha256": weights_sha256(folder)}, metrics)
    return metrics


def taught(shown: Sequence[Shown], corpus: Corpus, teachers: Sequence[Run], share: float) -> list[Shown]:
    """Training utterances with targets that include the teachers' probabilities.

    Args:
        shown: all training utterances of the corpus that have words and a label, in order.
        corpus: the corpus.
        teachers: Stage I runs of the text modality.
        share: weight of the teachers in the target.

    Raises:
        RunFolderError: a teacher has other emotions.
    """
    conversations = corpus.splits["train"]
    carried = [bool(u.text) and u.label is not None for c in conversations for u in c.utterances]
    opinions = []
    for teacher in teachers:
        _, logits = judge_text(teacher, conversations)
        if logits.shape[1] != len(corpus.labels):
            raise RunFolderError(
                f"{teacher.folder} knows {logits.shape[1]} emotions, {corpus.name} {len(corpus.labels)}"
            )
        opinions.append(logits[torch.tensor(carried)].softmax(1))
    mean = torch.stack(opinions).mean(0)
    return [
        replace(each, target=share * opinion + (1 - share) * each.target)
        for each, opinion in zip(shown, mean, strict=True)
    ]
