"""What an utterance of each emotion weighs in training."""

import torch
from torch import Tensor


def class_weights(labels: Tensor, classes: int, balance: float) -> Tensor:
    """Weights of the cross-entropy, by class.

    Args:
        labels: of the training utterances, class indices [N].
        classes: how many there are, C.
        balance: 0 weighs utterances equally, 1 weighs classes equally.

    Returns:
        Weights [C].
    """
    counts = torch.bincount(labels, minlength=classes).clamp(min=1)
    return (counts.float().mean() / counts) ** balance
