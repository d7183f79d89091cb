"""Runs of Stage I as annotator: the mean of their probabilities, to distil a smaller encoder from.

Distillation works better on many unlabelled texts than on the few labelled ones alone (Turc et al.,
"Well-read students learn better", 2019).
"""

from collections.abc import Mapping, Sequence

import torch

from offline_train.annotation.output import Output
from offline_train.annotation.records import Annotation
from offline_train.annotation.texts import Text
from offline_train.errors import UsageError
from offline_train.runs.kinds import expect
from offline_train.runs.networks import load_text_encoder
from offline_train.runs.run import Run
from offline_train.runs.run_corpus import corpus_of
from offline_train.training.devices import here, resolve_precision

_BATCH = 256


class TeacherAnnotator:
    """Stage I runs of the text modality, with any encoders, for the same emotions."""

    def __init__(self, runs: Sequence[Run]) -> None:
        """Load the runs.

        Raises:
            RunFolderError: a run is not finished.
            UsageError: a run is of another stage, or the emotions differ.
        """
        known = {corpus_of(expect(run, "text1")).read().labels for run in runs}
        if len(known) != 1:
            raise UsageError(f"teachers of different emotions: {', '.join(map(' '.join, sorted(known)))}")
        (self._labels,) = known
        self._device = here().device
        self._models = [load_text_encoder(run).to(self._device).eval() for run in runs]
        self.name = "teachers:" + "+".join(str(run.folder) for run in runs)

    @property
    def settings(self) -> Mapping[str, object]:
        """The runs."""
        return {"annotator": self.name}

    def annotate(self, texts: Sequence[Text], output: Output) -> None:
        """Label every text with the most probable emotion and the probabilities of all."""
        half = resolve_precision("auto", self._device) == "bf16"
        for start in range(0, len(texts), _BATCH):
            chosen = texts[start : start + _BATCH]
            shown = [t.text for t in chosen], [t.context for t in chosen]
            with torch.autocast(self._device.type, torch.bfloat16, enabled=half):
                opinions = [model.embed(*shown)[1].softmax(1) for model in self._models]
            mean = torch.stack(opinions).mean(0)  # [B, C]
            for text, row, best in zip(chosen, mean.tolist(), mean.argmax(1).tolist(), strict=True):
                shares = dict(zip(self._labels, row, strict=True))
                output.write(
                    Annotation(text.id, text.text, self._labels[best], self.name, text.context, shares)
                )
