"""What every annotator is to the command that runs it."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from offline_train.annotation.output import Output
from offline_train.annotation.texts import Text


class EndpointError(Exception):
    """What is outside failed. The message is one line; the same command goes on later."""


class Annotator(Protocol):
    """Labels texts."""

    @property
    def name(self) -> str:
        """Who, as every annotation says it: "llm:gpt-4o-mini", "lexicon:vader", ..."""

    @property
    def settings(self) -> Mapping[str, object]:
        """All that its labels depend on; an output of other settings is not gone on with."""

    def annotate(self, texts: Sequence[Text], output: Output) -> None:
        """Give every text to `output`, as soon as it is known: annotated, or set aside with the reason.

        Raises:
            EndpointError: what is outside failed for good.
            UsageError: it can't work as it was set up.
        """
