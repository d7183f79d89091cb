"""Stage I of the speech modality: a small network over frozen embeddings (MERITS-L, section III-B).

A voice is judged against its speaker: the running mean of the speaker's earlier turns is taken off the
embedding (see `models.speaker_means`). Beside the emotion, the network tells where the voice lies in arousal
and valence, which carry over to other corpora better than emotions do.
"""

from dataclasses import dataclass
from typing import Annotated, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from models.config_limits import Share, Size

_FARTHEST = 10.0
"""Standard deviations; values farther from the mean are clipped."""


@dataclass(frozen=True)
class SpeechConfig:
    """Shape of the Stage I network over embeddings of sound.

    Attributes:
        width: size of S1, the logits of arousal and valence included.
        classes: number of emotions.
        dropout: dropout rate before each layer.
        hidden: size of an additional layer before S1; 0 for none.
        prior_turns: how many turns of a speaker the prior is worth, beside those that were heard.
    """

    width: Annotated[int, Field(ge=3, le=16_384)] = 128
    classes: Size = 7
    dropout: Share = 0.3
    hidden: Annotated[int, Field(ge=0, le=16_384)] = 0
    prior_turns: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 4.0


class Voice(NamedTuple):
    """What Stage I says of utterances.

    Attributes:
        s1: embeddings [B, width]; the last two values are `plane`.
        logits: of the emotions [B, classes].
        plane: logits of being aroused, and of being pleasant [B, 2].
    """

    s1: Tensor
    logits: Tensor
    plane: Tensor


class SpeechClassifier(nn.Module):
    """Embeddings of sound, and what is usual for their speakers -> S1, emotions, arousal and valence.

    Attributes:
        prior: mean of the embeddings of training utterances [D], the usual where no speaker was heard before.
        scale: one over their standard deviation [D]; 0 where they are all the same.
    """

    prior: Tensor
    scale: Tensor

    def __init__(self, dimension: int, config: SpeechConfig) -> None:
        """Build it over embeddings of size D = `dimension`."""
        super().__init__()
        self.config = config
        self.register_buffer("prior", torch.zeros(dimension))
        self.register_buffer("scale", torch.ones(dimension))
        self.first = nn.Linear(dimension, config.hidden) if config.hidden else None
        self.hidden = nn.Linear(config.hidden or dimension, config.width - 2)
        self.plane = nn.Linear(config.width - 2, 2)
        self.head = nn.Linear(config.width, config.classes)
        self.dropout = nn.Dropout(config.dropout)

    def measure(self, embeddings: Tensor) -> None:
        """Set prior and scale from training embeddings [N, D]; values that are not finite are left out."""
        embeddings = torch.where(embeddings.isfinite(), embeddings, torch.nan).double()
        mean = embeddings.nanmean(0).nan_to_num()
        deviation = (embeddings - mean).square().nanmean(0).sqrt().nan_to_num()
        self.prior = mean.float()
        self.scale = torch.where(deviation > 1e-6 * mean.abs().clamp_min(1e-6), 1 / deviation, 0.0).float()

    def forward(self, embedding: Tensor, usual: Tensor | None = None) -> Voice:
        """Judge utterances.

        Args:
            embedding: [B, D]; values that are not finite count as usual.
            usual: what is usual for the speaker of each [B, D]; None for the prior.
        """
        apart = (embedding - (self.prior if usual is None else usual)) * self.scale
        x = apart.nan_to_num(0.0, _FARTHEST, -_FARTHEST).clamp(-_FARTHEST, _FARTHEST)
        if self.first is not None:
            x = functional.relu(self.first(self.dropout(x)))
        state = functional.relu(self.hidden(self.dropout(x)))
        plane = self.plane(self.dropout(state))
        s1 = torch.cat([state, plane], -1)
        return Voice(s1, self.head(self.dropout(s1)), plane)
