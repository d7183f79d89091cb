"""RoBERTa-FT: the text encoder is fine-tuned on pseudo-labels (MERITS-L, III-A)."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import torch
from pydantic import Field, NonNegativeInt, PositiveInt
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from models.base_encoder import find_base, weights_sha256
from models.text_encoder import LoraRank, TextConfig, TextEncoder, Tokens
from offline_train.annotation.records import Annotation, label_set, read_whole_annotations
from offline_train.batches.text import Shown, plain, text_batches
from offline_train.errors import RunFolderError, UsageError
from offline_train.evaluation.metrics import classification
from offline_train.runs.run import Run
from offline_train.training.adapters import train_adapters
from offline_train.training.fit import FitSettings, fit
from offline_train.training.settings import Share


@dataclass(frozen=True)
class PretrainTextSettings:
    """Settings of the pre-training of the text encoder.

    Attributes:
        base: the encoder to start from.
        context_turns: maximum number of preceding turns in the encoder's input.
        context_words: maximum number of words of the preceding turns, the latest.
        train_embeddings: whether to fine-tune token embeddings.
        lora_rank: rank of adapters to train instead of the encoder itself; 0 for none.
        batch: texts per batch.
        validation: share of every file held out for validation (the paper: 0.2).
        most_validated: maximum number of held out texts of a file.
        as_recognised: share of texts in lower case without punctuation, as from a speech recogniser.
        label_smoothing: label smoothing of the cross-entropy.
        fit: settings of the optimisation.
    """

    base: str = "all-MiniLM-L6-v2"
    context_turns: NonNegativeInt = 0
    context_words: PositiveInt = 32
    train_embeddings: bool = False
    lora_rank: LoraRank = 0
    batch: PositiveInt = 32
    validation: Annotated[float, Field(gt=0, lt=1)] = 0.1
    most_validated: PositiveInt = 1000
    as_recognised: Share = 0.4
    label_smoothing: Share = 0.0
    fit: FitSettings = field(
        default_factory=lambda: FitSettings(epochs=2, learning_rate=1e-4, average=0.99, precision="bf16")
    )


class PretrainingModel(nn.Module):
    """The text encoder with a head for each set of labels."""

    def __init__(self, encoder: TextEncoder, sizes: Sequence[int]) -> None:
        super().__init__()
        self.encoder = encoder
        self.heads = nn.ModuleList(nn.Linear(encoder.dimension, size) for size in sizes)

    def forward(self, tokens: Tokens, task: int) -> Tensor:
        """Logits [B, C], C being the number of labels of the task."""
        embedding, _ = self.encoder(tokens)
        logits: Tensor = self.heads[task](self.encoder.dropout(embedding))
        return logits


class _Task(NamedTuple):
    """One file of annotations."""

    name: str
    labels: tuple[str, ...]
    train: list[Shown]
    validation: list[Shown]


class _Batch(NamedTuple):
    tokens: Tokens
    target: Tensor
    task: int


def pretrain_text(
    files: Sequence[Path], settings: PretrainTextSettings, run: Run, pretrained: Run | None = None
) -> dict[str, Any]:
    """Train on annotated texts, with a head per file; the epoch with the best validation score is kept.

    Args:
        files: files of annotations, as written by `annotate`.
        settings: the settings.
        run: the run to write.
        pretrained: run of an earlier pre-training to start from.

    Returns:
        Metrics by file, as stored in the run.

    Raises:
        RunFolderError: `pretrained` is not a finished pre-training, or of another encoder.
        UsageError: a file can't be used.
    """
    torch.manual_seed(settings.fit.seed)
    tasks = [_task(path, settings) for path in files]
    folder = find_base(settings.base)
    config = TextConfig(
        base=settings.base,
        context_turns=settings.context_turns,
        context_words=settings.context_words,
        train_embeddings=settings.train_embeddings,
        lora_rank=settings.lora_rank,
        classes=1,
    )
    model = PretrainingModel(
        TextEncoder(config, folder, adapt=train_adapters), [len(task.labels) for task in tasks]
    )
    model.encoder.head.requires_grad_(requires_grad=False)
    if pretrained is not None:
        load_pretrained(model.encoder, pretrained)

    def batches(generator: torch.Generator) -> list[_Batch]:
        chance = random.Random(int(torch.randint(2**31, (), generator=generator)))
        found = []
        for number, task in enumerate(tasks):
            shown = [plain(each) if chance.random() < settings.as_recognised else each for each in task.train]
            found += [
                _Batch(*batch, number) for batch in text_batches(model.encoder, shown, settings.batch, chance)
            ]
        chance.shuffle(found)
        return found

    def loss(batch: _Batch) -> Tensor:
        logits = model(batch.tokens, batch.task)
        return functional.cross_entropy(
            logits.float(), batch.target, label_smoothing=settings.label_smoothing
        )

    def judge() -> dict[str, dict[str, Any]]:
        reports = {}
        for head, task in zip(model.heads, tasks, strict=True):
            t1, _ = model.encoder.embed(
                [s.text for s in task.validation], [s.context for s in task.validation]
            )
            truth = torch.stack([shown.target for shown in task.validation]).argmax(1)
            device = next(head.parameters()).device
            with torch.no_grad():
                predicted = head(t1.to(device)).argmax(1).cpu()
            reports[task.name] = classification(truth.numpy(), predicted.numpy(), task.labels)
        return reports

    def validate() -> dict[str, float]:
        scores = {name: report["weighted_f1"] for name, report in judge().items()}
        return {"score": sum(scores.values()) / len(scores), **scores}

    best = fit(model, batches, loss, validate, settings.fit, run.folder, "pre-training on texts")
    metrics: dict[str, Any] = {
        "best_epoch": int(best["epoch"]),
        "texts": {task.name: len(task.train) for task in tasks},
        "validation": judge(),
    }
    run.finish(model.encoder, {"text": config, "base_sha256": weights_sha256(folder)}, metrics)
    return metrics


def load_pretrained(model: TextEncoder, run: Run) -> None:
    """Load the weights of a pre-trained encoder into `model`, except those of the head.

    Raises:
        RunFolderError: the run is not a finished pre-training, or of another encoder or rank of adapters.
    """
    if not run.finished or "text" not in run.config:
        raise RunFolderError(f"{run.folder} is no finished run of pretrain-text")
    if run.config["text"]["base"] != model.config.base:
        raise RunFolderError(
            f"{run.folder} holds {run.config['text']['base']}, not {model.config.base}; name the same base"
        )
    if (rank := run.config["text"].get("lora_rank", 0)) != model.config.lora_rank:
        raise RunFolderError(f"{run.folder} has lora_rank {rank}, not {model.config.lora_rank}; set the same")
    state = load_file(run.folder / "weights.safetensors")
    own = {name: value for name, value in state.items() if not name.startswith("head.")}
    model.load_state_dict(own, strict=False)


def _task(path: Path, settings: PretrainTextSettings) -> _Task:
    annotations = read_whole_annotations(path)
    labels = label_set(annotations)
    if len(labels) < 2:
        raise UsageError(f"{path}: annotations with a single label teach nothing; found {list(labels)}")
    order = list(range(len(annotations)))
    random.Random(settings.fit.seed).shuffle(order)
    held = max(1, min(settings.most_validated, int(len(order) * settings.validation)))
    parts = ([_shown(annotations[i], labels) for i in chosen] for chosen in (order[held:], order[:held]))
    return _Task(path.stem, labels, *parts)


def _shown(annotation: Annotation, labels: Sequence[str]) -> Shown:
    share = annotation.probabilities or {annotation.label: 1.0}
    target = torch.tensor([share.get(label, 0.0) for label in labels])
    return Shown(annotation.text, annotation.context, target / target.sum())
