"""Human labels as annotations, optionally corrupted for experiments with pseudo-labels."""

import random
from collections.abc import Mapping, Sequence
from typing import Literal

from offline_train.annotation.output import Output
from offline_train.annotation.records import Annotation
from offline_train.annotation.texts import Text
from offline_train.errors import UsageError


def human_label(text: Text, labels: Literal["sentiment", "emotion"]) -> str | None:
    """The human label of a text, if it has one."""
    return text.sentiment if labels == "sentiment" else text.emotion


class HumanAnnotator:
    """Human labels; an exact share of them is kept, the others are replaced by random other labels."""

    def __init__(
        self, texts: Sequence[Text], labels: Literal["sentiment", "emotion"], agreement: float, seed: int
    ) -> None:
        """Decide which labels are kept.

        With the same seed and texts, labels kept at a lower agreement are also kept at a higher one, and
        those replaced have the same replacement, so that annotators differ in their agreement alone.

        Args:
            texts: all texts to annotate, each with a human label.
            labels: kind of the labels.
            agreement: share of labels to keep, 0 to 1.
            seed: seed of the random choice.

        Raises:
            UsageError: there is no other label.
        """
        true = {text.id: human_label(text, labels) for text in texts}
        names = sorted({label for label in true.values() if label is not None})
        if agreement < 1 and len(names) < 2:
            raise UsageError(f"labels can't be corrupted: there is only one, {names}")
        chance = random.Random(seed)
        order = list(true)
        chance.shuffle(order)
        replaced = {name: chance.choice([n for n in names if n != true[name]] or names) for name in order}
        kept = set(order[: round(agreement * len(order))])
        self._labels = {name: true[name] if name in kept else replaced[name] for name in order}
        self._corrupted = {"agreement": agreement, "seed": seed, "texts": len(order)} if agreement < 1 else {}
        self._kind = labels
        self.name = f"corpus:agreement={agreement:g},seed={seed}" if agreement < 1 else "corpus"

    @property
    def settings(self) -> Mapping[str, object]:
        """The kind of labels, and how they were corrupted."""
        return {"annotator": "corpus", "labels": self._kind, **self._corrupted}

    def annotate(self, texts: Sequence[Text], output: Output) -> None:
        """Write the labels."""
        for text in texts:
            label = self._labels[text.id]
            assert label is not None, "texts without a label are left out beforehand"
            output.write(Annotation(text.id, text.text, label, self.name, text.context))
