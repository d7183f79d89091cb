"""How a model is optimised: the settings that all stages share."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from offline_train.training.devices import Precision

Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True)
class FitSettings:
    """How to optimise: AdamW, linear warm-up, then cosine decay to zero.

    Attributes:
        epochs: passes over the training data.
        learning_rate: the peak.
        weight_decay: on matrices only; vectors (biases, norms) are left alone.
        warmup: fraction of all steps.
        clip: largest gradient norm.
        seed: of everything random. Epoch e draws from (seed, e) alone.
        patience: stop after so many epochs without a better score; None never stops early.
        average: decay of an exponential moving average of the weights, judged and kept instead of the
            weights themselves; 0 keeps the weights.
        precision: of matrix products in the forward and backward pass; "auto" is bf16 where the device
            computes in it, else fp32.
        accumulate: batches that a process reads for one step, which follows their mean loss.
        log_every: steps between entries in TensorBoard.
        checkpoint_share: largest share of the time that writing checkpoints within an epoch may take, which
            happens every two minutes at most; 0 writes them at the ends of epochs alone.
    """

    epochs: PositiveInt
    learning_rate: PositiveFloat
    weight_decay: NonNegativeFloat = 0.01
    warmup: Share = 0.1
    clip: PositiveFloat = 1.0
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 1
    patience: PositiveInt | None = None
    average: Annotated[float, Field(ge=0, lt=1)] = 0.0
    precision: Precision = "fp32"
    accumulate: PositiveInt = 1
    log_every: PositiveInt = 10
    checkpoint_share: Share = 0.2
