"""Judges a target on a corpus with other labels: over the emotions that both know."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from typing import TypeVar

import torch
from torch import nn

from models.conversation import ConversationConfig, ConversationModel
from offline_train.batches.sequences import UNSCORED, Embedded
from offline_train.corpora.corpus import Conversation, Corpus, Split
from offline_train.corpora.emotions import emotion_named, synonyms
from offline_train.errors import UsageError
from offline_train.evaluation.target import EvaluationTarget

Config = TypeVar("Config")


def in_common(corpus: Corpus, target: EvaluationTarget) -> tuple[Corpus, EvaluationTarget]:
    """The corpus and the target, as far as they know the same emotions.

    Utterances of other emotions lose their label, and remain as context. The target chooses among the
    emotions in common: its probabilities of these are as if it knew no others.

    Returns:
        Both unchanged if the target knows all labels of the corpus, or fewer than two.

    Raises:
        UsageError: the target has two labels for an emotion that the corpus does not tell apart.
    """
    if set(corpus.labels) <= set(target.labels):
        return corpus, target
    names = synonyms(target.labels)
    named = {label: names[label] for label in corpus.labels if label in names}
    common = tuple(label for label in target.labels if label in named.values())
    if len(common) < 2:
        return corpus, target
    known = {emotion_named(label) for label in common} - {None}
    if alike := [each for each in target.labels if each not in common and emotion_named(each) in known]:
        raise UsageError(
            f"{target.name} has several labels for one emotion of {corpus.name}: {', '.join(alike)}, too"
        )
    return _relabelled(corpus, common, named), _narrowed(target, common)


def left_out(before: Corpus, after: Corpus, split: Split) -> int:
    """How many utterances of a split have lost their label."""
    return _labelled(before.splits[split]) - _labelled(after.splits[split])


def _labelled(conversations: Sequence[Conversation]) -> int:
    return sum(utterance.label is not None for c in conversations for utterance in c.utterances)


def _relabelled(corpus: Corpus, labels: tuple[str, ...], named: dict[str, str]) -> Corpus:
    splits: dict[Split, Sequence[Conversation]] = {
        split: [
            replace(c, utterances=tuple(replace(u, label=named.get(u.label or "")) for u in c.utterances))
            for c in conversations
        ]
        for split, conversations in corpus.splits.items()
    }
    return Corpus(corpus.name, labels, splits)


def _narrowed(target: EvaluationTarget, labels: tuple[str, ...]) -> EvaluationTarget:
    rows = torch.tensor([target.labels.index(label) for label in labels])
    places = torch.full((len(target.labels),), UNSCORED)
    places[rows] = torch.arange(len(labels))

    def embed(conversations: Sequence[Conversation], split: Split) -> list[Embedded]:
        return [
            replace(
                each, labels=torch.where(each.labels == UNSCORED, UNSCORED, places[each.labels.clamp(min=0)])
            )
            for each in target.embed(conversations, split)
        ]

    return replace(
        target,
        labels=labels,
        heads={modality: _some_rows(head, rows) for modality, head in target.heads.items()},
        embed=embed,
        conversation=target.conversation and _narrowed_model(target.conversation, rows),
    )


def _some_rows(head: nn.Module, rows: torch.Tensor) -> nn.Module:
    """The head of some of its classes."""
    some = deepcopy(head)
    for name, parameter in head.named_parameters():
        setattr(some, name, nn.Parameter(parameter.detach()[rows], requires_grad=False))
    return some


def _narrowed_model(model: ConversationModel, rows: torch.Tensor) -> ConversationModel:
    """Stages II and III, with the heads of some of their classes."""
    config = model.config
    parts = {
        name: None if part is None else replace(part, classes=len(rows))
        for name, part in (("text", config.text), ("speech", config.speech), ("fusion", config.fusion))
    }
    some = deepcopy(model)
    some.config = ConversationConfig(**parts)  # type: ignore[arg-type]
    for name, part in parts.items():
        if part is not None:
            network = getattr(some, name)
            network.config, network.head = part, _some_rows(network.head, rows)
    return some
