"""The content of a bundle's `bundle.json`."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from models.care import CareConfig
from models.conversation import ConversationConfig
from models.speech_classifier import SpeechConfig
from models.text_encoder import TextConfig

FORMAT: Literal[3] = 3
"""The format written and read. Formats 1 and 2 had another CARE, and did not judge a voice by its speaker."""

Sentiment = Literal["negative", "neutral", "positive"]
SENTIMENTS: tuple[Sentiment, ...] = ("negative", "neutral", "positive")


class FileEntry(BaseModel):
    """Expected hash and size of a file of the bundle."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    sha256: str
    bytes: int


class Manifest(BaseModel):
    """The content of `bundle.json`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[3] = FORMAT
    name: str
    version: int
    labels: Annotated[tuple[str, ...], Field(min_length=2)]
    languages: Annotated[tuple[str, ...], Field(min_length=1)] = ("en",)
    """Codes of the languages whose words it judges."""
    sentiment: dict[str, dict[Sentiment, float]]
    """Shares of the sentiments among each emotion's utterances in the training data."""
    text: TextConfig
    base_sha256: str
    care: CareConfig | None = None
    """None for a bundle that uses the words alone, as is `speech`."""
    speech: SpeechConfig | None = None
    conversation: ConversationConfig
    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    """Divides logits before the softmax; fitted on the validation split (Guo et al., ICML 2017)."""
    window: int
    """Turns of context in the bundle's evaluation."""
    training: dict[str, Any]
    """Commands, seeds, and data with their licence terms."""
    metrics: dict[str, Any]
    files: dict[str, FileEntry] = {}

    @model_validator(mode="after")
    def _complete(self) -> "Manifest":
        if len(set(self.labels)) < len(self.labels):
            raise ValueError("`labels` must differ")
        if set(self.sentiment) != set(self.labels):
            raise ValueError("`sentiment` must name the same emotions as `labels`")
        context = self.conversation
        if len({self.care is None, self.speech is None, context.speech is None}) > 1:
            raise ValueError("`care`, `speech` and `conversation.speech` go together")
        parts = [part for part in (context.text, context.speech, context.fusion) if part is not None]
        if any(part.classes != len(self.labels) for part in parts):
            raise ValueError("`conversation` must have as many classes as there are `labels`")
        if self.speech and context.speech and self.speech.width != context.speech.features:
            raise ValueError("`conversation.speech` must read what `speech` gives")
        return self
