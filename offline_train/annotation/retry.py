"""Classifies the errors of an endpoint: whether to retry, and when."""

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
    """An error of a request.

    Attributes:
        kind: "passes": temporary, to be retried; "text": the endpoint rejects this text; "setup": to be fixed
            by the user; "over": permanent.
        message: one line.
        retry_after_s: delay in seconds that the endpoint asks for.
        may_be_the_text: whether the text may cause this error at a working endpoint.
    """

    kind: Literal["passes", "text", "setup", "over"]
    message: str
    retry_after_s: float | None = None
    may_be_the_text: bool = False


def trouble_of(error: Exception, timeout_s: float) -> Trouble:
    """Classify an exception: TimeoutError, the client's errors, ValueError for an invalid answer."""
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
    """Delay in seconds: the endpoint's, else exponential and at most a minute; both with jitter.

    Args:
        attempt: number of the failed attempt, from 0.
        backoff_s: delay after the first attempt.
        retry_after_s: delay that the endpoint asks for; None for none.
        chance: random generator of the jitter.
    """
    if retry_after_s:
        return retry_after_s + backoff_s * chance.random()
    return min(LONGEST_BACKOFF_S, backoff_s * 2.0**attempt) * chance.uniform(0.5, 1.0)


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Delay in seconds by the response's headers: `retry-after-ms`, or `Retry-After` in seconds or as a date.

    Args:
        headers: headers of the response (RFC 9110, section 10.2.3).
        now: current time, with its time zone.
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
    """The error message of the endpoint; servers differ in where it is."""
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
