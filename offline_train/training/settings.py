"""Settings of the optimisation, shared by all stages."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from offline_train.training.devices import Precision

Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True)
class FitSettings:
    """Settings of the optimisation: AdamW, linear warm-up, then cosine decay to zero.

    Attributes:
        epochs: passes over the training data.
        learning_rate: the highest learning rate.
        weight_decay: weight decay of matrices; vectors (biases, norms) have none.
        warmup: share of all steps in the warm-up.
        clip: largest gradient norm.
        seed: seed of every random choice. Random numbers of epoch e depend on (seed, e) alone.
        patience: epochs without a better score after which training stops; None never stops early.
        average: decay of an exponential moving average of the weights, which is evaluated and stored instead
            of the weights themselves; 0 for no average.
        precision: precision of matrix products in the forward and backward pass; "auto" is bf16 if the device
            supports it, else fp32.
        accumulate: batches per process and step; the step uses their mean loss.
        log_every: steps between entries in TensorBoard.
        checkpoint_share: largest share of the time for writing checkpoints within an epoch, at most every two
            minutes; 0 writes them at the ends of epochs only.
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
