"""What asking an LLM took: requests, tokens, money. Kept on disk at every answer."""

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
        requests: sent, retries included.
        retries: of them, because the endpoint failed.
        answers: that came.
        invalid_answers: of them, none of the three labels.
        answers_without_usage: of them, from endpoints that don't count tokens.
        prompt_tokens: as the endpoint counted them.
        completion_tokens: likewise.
        price_in: of a million prompt tokens, in whatever currency.
        price_out: of a million completion tokens.
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
        """What was counted before; nothing where there is no file. Prices that are given replace those there.

        Raises:
            UsageError: it is something else.
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
        """Of all tokens at the prices given; None without prices."""
        if self.price_in is None and self.price_out is None:
            return None
        paid_in = self.prompt_tokens * (self.price_in or 0.0)
        return (paid_in + self.completion_tokens * (self.price_out or 0.0)) / 1e6

    def count(self, reported: object) -> None:
        """Add an answer and what the endpoint says it took (an object like OpenAI's `usage`, or None)."""
        self.answers += 1
        tokens = [getattr(reported, name, None) for name in ("prompt_tokens", "completion_tokens")]
        if isinstance(tokens[0], int) and isinstance(tokens[1], int):
            self.prompt_tokens += tokens[0]
            self.completion_tokens += tokens[1]
        else:
            self.answers_without_usage += 1

    def report(self) -> dict[str, Any]:
        """All of it, with the cost."""
        return {**asdict(self), "cost": self.cost}

    def save(self, path: Path) -> None:
        """Write it."""
        write_json(path, self.report())
