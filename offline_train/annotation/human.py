"""The labels people gave, on the road that pseudo-labels take; corrupted on purpose if wanted."""

import random
from collections.abc import Mapping, Sequence
from typing import Literal

from offline_train.annotation.output import Output
from offline_train.annotation.records import Annotation
from offline_train.annotation.texts import Text
from offline_train.errors import UsageError


def human_label(text: Text, labels: Literal["sentiment", "emotion"]) -> str | None:
    """What people said of a text, where they did."""
    return text.sentiment if labels == "sentiment" else text.emotion


class HumanAnnotator:
    """Human labels, of which an exact share is kept and the others are replaced by any other label."""

    def __init__(
        self, texts: Sequence[Text], labels: Literal["sentiment", "emotion"], agreement: float, seed: int
    ) -> None:
        """Decide which labels are kept.

        With the same seed and texts, what is kept at a lower agreement is also kept at a higher one, and what
        is replaced is replaced by the same label: annotators of rising quality differ in nothing else.

        Args:
            texts: all that are to be annotated, each labelled.
            labels: which.
            agreement: share of labels to keep, 0 to 1.
            seed: of the choice.

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
        """Which labels, and how they were corrupted."""
        return {"annotator": "corpus", "labels": self._kind, **self._corrupted}

    def annotate(self, texts: Sequence[Text], output: Output) -> None:
        """Write what was decided."""
        for text in texts:
            label = self._labels[text.id]
            assert label is not None, "texts without a label are left out beforehand"
            output.write(Annotation(text.id, text.text, label, self.name, text.context))
