"""The interface of annotators."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from offline_train.annotation.output import Output
from offline_train.annotation.texts import Text


class EndpointError(Exception):
    """An endpoint failed. The message is one line; the same command resumes the work later."""


class Annotator(Protocol):
    """Labels texts."""

    @property
    def name(self) -> str:
        """The name stored in each annotation: "llm:gpt-4o-mini", "lexicon:vader", ..."""

    @property
    def settings(self) -> Mapping[str, object]:
        """Everything that the labels depend on; an output with other settings is not resumed."""

    def annotate(self, texts: Sequence[Text], output: Output) -> None:
        """Annotate texts, and pass each result to `output` at once: a label, or the reason why there is none.

        Raises:
            EndpointError: the endpoint failed for good.
            UsageError: it is set up wrongly.
        """
