"""What every corpus reader yields."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Utterance:
    """One turn of a conversation.

    Attributes:
        id: as the corpus names it.
        text: the words, None where the corpus has none.
        label: emotion, as the corpus names it; None for context that is not scored.
        sentiment: "negative", "neutral" or "positive", where the corpus says so.
        speaker: who, where known. MERITS-L uses no speaker labels; kept for reports.
    """

    id: str
    text: str | None
    label: str | None
    sentiment: str | None = None
    speaker: str | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """Utterances in the order they were said."""

    id: str
    utterances: tuple[Utterance, ...]
