"""The loss of Stages II and III."""

from torch import Tensor
from torch.nn import functional

from offline_train.batches.sequences import UNSCORED, Batch


def scored_loss(logits: Tensor, batch: Batch, label_smoothing: float, distil: float = 0.0) -> Tensor:
    """Mean cross-entropy over scored turns; 0 if the batch has none.

    Args:
        logits: [B, K, C].
        batch: the conversations with their labels.
        label_smoothing: share of the target spread over all classes.
        distil: weight of the teachers' probabilities in the loss.
    """
    scored = batch.labels != UNSCORED
    total = functional.cross_entropy(
        logits.flatten(0, 1).float(), batch.labels.flatten(), label_smoothing=label_smoothing, reduction="sum"
    )
    if batch.soft is not None:
        taught = functional.cross_entropy(logits[scored].float(), batch.soft[scored], reduction="sum")
        total = distil * taught + (1 - distil) * total
    return total / scored.sum().clamp(min=1)
