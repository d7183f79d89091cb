"""A trained bundle as annotator: its text encoder classifies a text, given the preceding turns."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from models.bundle import load_bundle
from offline_train.annotation.output import Output
from offline_train.annotation.prompt import SENTIMENTS
from offline_train.annotation.records import Annotation
from offline_train.annotation.texts import Text

_BATCH = 256


class ClassifierAnnotator:
    """Stage I of a bundle: emotions with their probabilities, or the corresponding sentiments."""

    def __init__(self, bundle: str | Path, labels: Literal["sentiment", "emotion"]) -> None:
        """Load the bundle.

        Raises:
            BundleError: it cannot be loaded.
        """
        self._bundle = load_bundle(bundle)
        self._kind = labels
        self.name = f"classifier:{self._bundle.name}"

    @property
    def settings(self) -> Mapping[str, object]:
        """The bundle and the kind of labels."""
        return {"annotator": self.name, "labels": self._kind}

    def annotate(self, texts: Sequence[Text], output: Output) -> None:
        """Label every text with the most probable label and the probabilities of all."""
        names = self._bundle.labels if self._kind == "emotion" else SENTIMENTS
        for start in range(0, len(texts), _BATCH):
            chosen = texts[start : start + _BATCH]
            _, logits = self._bundle.text.embed([t.text for t in chosen], [t.context for t in chosen])
            probabilities = self._bundle.probabilities(logits)  # [B, C]
            if self._kind == "sentiment":
                probabilities = probabilities @ self._bundle.sentiment  # [B, 3]
                probabilities = probabilities / probabilities.sum(-1, keepdim=True)
            best = probabilities.argmax(-1)
            for text, row, index in zip(chosen, probabilities.tolist(), best.tolist(), strict=True):
                shares = dict(zip(names, row, strict=True))
                output.write(Annotation(text.id, text.text, names[index], self.name, text.context, shares))
