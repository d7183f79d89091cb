"""Counts of an LLM's requests and tokens, and their cost. Saved at every answer."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from offline_train.errors import UsageError
from offline_train.files import write_json


@dataclass
class Usage:
    """Counts over all runs that wrote the same output.

    Attributes:
        requests: requests sent, retries included.
        retries: requests repeated because the endpoint failed.
        answers: answers received.
        invalid_answers: answers that are none of the three labels.
        answers_without_usage: answers without a count of tokens.
        prompt_tokens: tokens of prompts, as counted by the endpoint.
        completion_tokens: tokens of answers, as counted by the endpoint.
        price_in: price of a million prompt tokens, in any currency.
        price_out: price of a million completion tokens.
    """

    requests: int = 0
    retries: int = 0
    answers: int = 0
    invalid_answers: int = 0
    answers_without_usage: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    price_in: float | None = None
    price_out: float | None = None

    @classmethod
    def read(cls, path: Path, price_in: float | None = None, price_out: float | None = None) -> "Usage":
        """Read the counts in a file, zeros if there is none. Prices given here replace those in the file.

        Raises:
            UsageError: the file holds something else.
        """
        prices = {"price_in": price_in, "price_out": price_out}
        given = {name: price for name, price in prices.items() if price is not None}
        if not path.exists():
            return cls(**given)  # type: ignore[arg-type]
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            return cls(**{**{field.name: stored[field.name] for field in fields(cls)}, **given})
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{path} does not hold token counts; remove it") from error

    @property
    def cost(self) -> float | None:
        """The cost of all tokens; None without prices."""
        if self.price_in is None and self.price_out is None:
            return None
        paid_in = self.prompt_tokens * (self.price_in or 0.0)
        return (paid_in + self.completion_tokens * (self.price_out or 0.0)) / 1e6

    def count(self, reported: object) -> None:
        """Count an answer and its tokens, reported by an object like OpenAI's `usage`, or None."""
        self.answers += 1
        tokens = [getattr(reported, name, None) for name in ("prompt_tokens", "completion_tokens")]
        if isinstance(tokens[0], int) and isinstance(tokens[1], int):
            self.prompt_tokens += tokens[0]
            self.completion_tokens += tokens[1]
        else:
            self.answers_without_usage += 1

    def report(self) -> dict[str, Any]:
        """All counts, with the cost."""
        return {**asdict(self), "cost": self.cost}

    def save(self, path: Path) -> None:
        """Write the counts."""
        write_json(path, self.report())
