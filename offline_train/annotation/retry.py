"""What went wrong at an endpoint, whether to ask again, and when."""

import random
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal, NamedTuple

from openai import APIConnectionError, APIStatusError

LONGEST_BACKOFF_S = 60.0
_PASSES = {408, 409, 425, 429}
_OF_TEXT = {400, 413, 422}  # content filters, texts that are too long
_UNPAID = "insufficient_quota"


class Trouble(NamedTuple):
    """What went wrong.

    Attributes:
        kind: "passes" is worth a retry; "text" the endpoint won't answer this text; "setup" is the user's to
            mend; "over" can't be mended by waiting a little.
        message: one line.
        retry_after_s: as the endpoint asks.
        may_be_the_text: whether a text alone may do this to an endpoint that is well.
    """

    kind: Literal["passes", "text", "setup", "over"]
    message: str
    retry_after_s: float | None = None
    may_be_the_text: bool = False


def trouble_of(error: Exception, timeout_s: float) -> Trouble:
    """Make sense of what a request raised: TimeoutError, the client's errors, ValueError for a bad answer."""
    match error:
        case TimeoutError():
            return Trouble("passes", f"no answer within {timeout_s:g} s", may_be_the_text=True)
        case APIConnectionError():
            return Trouble("passes", f"no connection ({_line(str(error.__cause__ or error))})")
        case APIStatusError():
            return _of_status(error)
        case _:
            return Trouble("passes", f"its answer can't be read ({_line(str(error))})")


def wait_before_retry(
    attempt: int, backoff_s: float, retry_after_s: float | None, chance: random.Random
) -> float:
    """Seconds: what the endpoint asks for, else exponential and at most a minute; both with jitter.

    Args:
        attempt: that failed, from 0.
        backoff_s: of the first.
        retry_after_s: as the endpoint asks; None if it doesn't.
        chance: of the jitter.
    """
    if retry_after_s:
        return retry_after_s + backoff_s * chance.random()
    return min(LONGEST_BACKOFF_S, backoff_s * 2.0**attempt) * chance.uniform(0.5, 1.0)


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that an answer's headers ask to wait: `retry-after-ms`, or `Retry-After` as seconds or a date.

    Args:
        headers: of the answer (RFC 9110, section 10.2.3).
        now: with its time zone.
    """
    if (milliseconds := _number(headers.get("retry-after-ms"))) is not None:
        return milliseconds / 1e3
    value = headers.get("retry-after")
    if (seconds := _number(value)) is not None:
        return seconds
    try:
        until = parsedate_to_datetime(value or "")
    except ValueError:
        return None
    return max(0.0, (until.replace(tzinfo=until.tzinfo or UTC) - now).total_seconds())


def _of_status(error: APIStatusError) -> Trouble:
    status = error.status_code
    message = f"{status}: {_said(error)}"
    if status in (401, 403):
        return Trouble("setup", f"the key is refused ({message}); set OPENAI_API_KEY or --api-key-file")
    if status == 402 or error.code == _UNPAID:
        return Trouble("over", message)
    if status in _PASSES or status >= 500:
        wait = retry_after(error.response.headers, datetime.now(UTC))
        return Trouble("passes", message, wait, may_be_the_text=status >= 500)
    if status in _OF_TEXT:
        return Trouble("text", message)
    return Trouble("setup", f"{message}; check --model and --base-url, which usually ends in /v1")


def _said(error: APIStatusError) -> str:
    """The endpoint's own words; compatible servers put them in different places."""
    body = error.body
    if isinstance(body, dict):
        body = body.get("message") or body.get("detail") or body
    return _line(str(body or error.response.reason_phrase))


def _line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 200 else line[:199] + "…"


def _number(value: str | None) -> float | None:
    try:
        number = float(value or "")
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None
