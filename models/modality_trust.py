"""How far Stage III believes each modality of a turn.

Two modalities that disagree are not equally right: words that the recogniser guessed, a voice of half a
second, or an emotion that is one of three likely ones, tell less than the other modality does.
"""

import math

import torch
from torch import Tensor, nn

_HIDDEN = 16


class ModalityTrust(nn.Module):
    """Weights of the modalities' Stage II logits: 1 at the beginning of the training, between 0 and 2 later.

    A weight is an inverse temperature, too: what a modality says too surely is softened.
    """

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(6, _HIDDEN)
        self.out = nn.Linear(_HIDDEN, 2)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, text: Tensor, speech: Tensor, evidence: Tensor) -> Tensor:
        """Weigh.

        Args:
            text: Stage II logits of the words [B, K, C].
            speech: Stage II logits of the voice [B, K, C].
            evidence: see `models.evidence` [B, K, 2]; 0 for a modality that is absent.

        Returns:
            Weights of words and voice [B, K, 2]; 0 for a modality that is absent.
        """
        sure = torch.cat([_sureness(text), _sureness(speech)], dim=-1)  # [B, K, 4]
        present = evidence > 0
        read = torch.cat([evidence, sure * present.repeat_interleave(2, dim=-1)], dim=-1)
        weights: Tensor = 2 * self.out(self.hidden(read).tanh()).sigmoid()
        return weights * present


def _sureness(logits: Tensor) -> Tensor:
    """The likeliest emotion's probability, and entropy from 0 to 1: [..., C] -> [..., 2]."""
    log = logits.log_softmax(-1)
    entropy = -(log.exp() * log).sum(-1) / math.log(logits.shape[-1])
    return torch.stack([log.amax(-1).exp(), entropy], dim=-1)
