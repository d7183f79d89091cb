"""Class weights for training."""

import torch
from torch import Tensor


def class_weights(labels: Tensor, classes: int, balance: float) -> Tensor:
    """Weights of the cross-entropy, by class.

    Args:
        labels: class indices [N] of the training utterances.
        classes: number of classes, C.
        balance: 0 weights utterances equally, 1 weights classes equally.

    Returns:
        Weights [C].
    """
    counts = torch.bincount(labels, minlength=classes).clamp(min=1)
    return (counts.float().mean() / counts) ** balance
