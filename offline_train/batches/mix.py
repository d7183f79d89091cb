"""Annotated texts that are mixed into the training utterances of a corpus."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field, NonNegativeFloat

from offline_train.annotation.records import Annotation, read_whole_annotations
from offline_train.batches.class_balance import class_weights
from offline_train.batches.text import Shown, smoothed
from offline_train.corpora.emotions import synonyms
from offline_train.errors import UsageError


@dataclass(frozen=True)
class MixSettings:
    """How annotated texts are mixed in.

    Attributes:
        share: part of an epoch's utterances that are annotated texts.
        balance: 0 draws all texts equally often, 1 all emotions, as far as there are texts of each.
    """

    share: Annotated[float, Field(ge=0, lt=1)] = 0.5
    balance: NonNegativeFloat = 0.5


class Mix:
    """Annotated texts, of which every epoch draws others.

    Attributes:
        texts: number of texts in each file, those of other emotions left out.
    """

    def __init__(
        self, files: Sequence[Path], labels: Sequence[str], settings: MixSettings, label_smoothing: float
    ) -> None:
        """Read files of annotations.

        Args:
            files: as written by `annotate`.
            labels: emotions by class index; texts of all others are left out.
            settings: the settings.
            label_smoothing: of labels without probabilities.

        Raises:
            UsageError: a file can't be used.
        """
        self.texts: dict[str, int] = {}
        self._shown: list[Shown] = []
        self._share = settings.share
        names = synonyms(labels)
        for path in files:
            known = [each for each in read_whole_annotations(path) if each.label in names]
            if not known:
                raise UsageError(f"{path}: none of its labels is one of {', '.join(labels)}")
            self.texts[str(path)] = len(known)
            self._shown += [_shown(each, labels, names, label_smoothing) for each in known]
        if self._shown:
            found_labels = torch.stack([each.target for each in self._shown]).argmax(1)
            self._weights = class_weights(found_labels, len(labels), settings.balance)[found_labels]

    def drawn_for(self, count: int, generator: torch.Generator) -> list[Shown]:
        """The texts of an epoch with `count` other utterances; none twice, if there are enough."""
        wanted = round(count * self._share / (1 - self._share)) if self._shown else 0
        if not wanted:
            return []
        chosen = torch.multinomial(
            self._weights, wanted, replacement=wanted > len(self._shown), generator=generator
        )
        return [self._shown[place] for place in chosen.tolist()]


def _shown(
    annotation: Annotation, labels: Sequence[str], names: Mapping[str, str], label_smoothing: float
) -> Shown:
    """The text, without its context."""
    target = torch.zeros(len(labels))
    for name, share in (annotation.probabilities or {annotation.label: 1.0}).items():
        if name in names:
            target[labels.index(names[name])] += share
    target /= target.sum()
    certain = annotation.probabilities is None
    return Shown(annotation.text, (), smoothed(target, label_smoothing) if certain else target)
