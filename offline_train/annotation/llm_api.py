"""A client of an OpenAI-compatible endpoint, with retries."""

import asyncio
import os
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from openai import AsyncOpenAI, OpenAIError
from openai.types.chat import ChatCompletionMessageParam

from offline_train.annotation.base import EndpointError
from offline_train.annotation.retry import Trouble, trouble_of, wait_before_retry
from offline_train.annotation.usage import Usage
from offline_train.errors import UsageError

LONGEST_WAIT_S = 600.0


@dataclass(frozen=True)
class EndpointSettings:
    """The endpoint, and when to retry.

    Attributes:
        model: name of the model at the endpoint.
        base_url: URL of the API, e.g. http://localhost:11434/v1; None for OPENAI_BASE_URL or OpenAI itself.
        key: the API key; None if none is needed.
        max_retries: maximum number of retries of a request.
        backoff_s: delay before the first retry in seconds; doubles with each.
        timeout_s: time limit of a request in seconds.
    """

    model: str
    base_url: str | None = None
    key: str | None = field(default=None, repr=False)
    max_retries: int = 8
    backoff_s: float = 1.0
    timeout_s: float = 60.0


def read_key(path: Path | None, environment: Mapping[str, str]) -> str | None:
    """The key in a file, else in OPENAI_API_KEY; None if there is neither.

    Raises:
        UsageError: the file can't be read, or holds something else.
    """
    if path is None:
        key, where = environment.get("OPENAI_API_KEY", "").strip(), "OPENAI_API_KEY"
    else:
        try:
            key, where = path.read_text(encoding="utf-8").strip(), str(path)
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"cannot read the key from {path}: {type(error).__name__}") from error
        if not key:
            raise UsageError(f"there is no key in {path}")
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise UsageError(f"{where} holds no key: it must be one word of plain letters, digits and signs")
    return key or None


class Rejected(Exception):
    """The endpoint does not accept a text; it may accept others.

    Attributes:
        stop: the error to raise if it accepts none.
        patience: texts that may be rejected in a row before that is assumed.
        retried: whether the text was retried; then only later answers show that the endpoint works.
    """

    def __init__(self, stop: EndpointError | UsageError, *, patience: int, retried: bool) -> None:
        super().__init__(str(stop))
        self.stop = stop
        self.patience = patience
        self.retried = retried


class Endpoint:
    """Sends requests with retries. Use it as an asynchronous context manager."""

    def __init__(
        self, settings: EndpointSettings, usage: Usage, save: Callable[[], None], note: Callable[[str], None]
    ) -> None:
        """Create a client.

        Args:
            settings: the endpoint and its options.
            usage: counts requests, answers and tokens.
            save: called when `usage` has counted tokens.
            note: called with the reason for a wait, and with "" when it is over.

        Raises:
            UsageError: OpenAI's key is missing, or the URL is invalid.
        """
        url = settings.base_url or os.environ.get("OPENAI_BASE_URL")
        if url is None and settings.key is None:
            raise UsageError("OpenAI needs a key: set OPENAI_API_KEY or --api-key-file; or name a --base-url")
        if url is not None and not url.startswith(("http://", "https://")):
            raise UsageError(f"--base-url {url} should begin with http:// or https://")
        self._settings = settings
        self._usage = usage
        self._save = save
        self._note = note
        self._client = AsyncOpenAI(
            api_key=settings.key or "none",  # required by the client, if not by the endpoint
            base_url=url,
            max_retries=0,
            timeout=None,
        )
        self._not_before = 0.0
        self._stopping = asyncio.Event()
        self._random = random.Random()

    async def __aenter__(self) -> "Endpoint":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    @property
    def address(self) -> str:
        """The URL of the API without a password."""
        url = self._client.base_url
        return urlsplit(str(url))._replace(netloc=url.netloc.decode().rpartition("@")[2]).geturl().rstrip("/")

    def stop(self) -> None:
        """Send no more requests: waiting ones are cancelled, pending ones continue."""
        self._stopping.set()

    async def ask(self, messages: Sequence[ChatCompletionMessageParam]) -> str:
        """Send a chat and return the answer, at temperature 0.

        Raises:
            EndpointError: it failed for good.
            UsageError: it rejects the key, the model or the URL.
            Rejected: it rejects this chat.
        """
        for attempt in range(self._settings.max_retries + 1):
            await self._pause(self._not_before - time.monotonic())
            try:
                return await self._ask_once(messages)
            except (TimeoutError, OpenAIError, ValueError) as error:
                trouble = trouble_of(error, self._settings.timeout_s)
            said = self._hide_key(f"{self.address}: {trouble.message}")
            if trouble.kind == "setup":
                raise UsageError(said)
            if trouble.kind == "text":
                raise Rejected(UsageError(said), patience=10, retried=False)
            wait = wait_before_retry(attempt, self._settings.backoff_s, trouble.retry_after_s, self._random)
            if wait > LONGEST_WAIT_S:
                said += f" (it asks to wait {wait:.0f} s)"
            if trouble.kind == "over" or wait > LONGEST_WAIT_S:
                raise EndpointError(said)
            if attempt < self._settings.max_retries:
                self._note(f"waiting {wait:.0f} s: {trouble.message}")
                if trouble.retry_after_s is not None:  # it applies to all requests
                    self._not_before = max(self._not_before, time.monotonic() + trouble.retry_after_s)
                await self._pause(wait)
                self._usage.retries += 1
        raise self._gave_up(trouble, said)

    async def _ask_once(self, messages: Sequence[ChatCompletionMessageParam]) -> str:
        self._usage.requests += 1
        async with asyncio.timeout(self._settings.timeout_s):
            completion = await self._client.chat.completions.create(
                model=self._settings.model, messages=messages, temperature=0
            )
        # The client does not validate: a web page is returned as a string, other objects lack fields.
        choices = getattr(completion, "choices", None)
        if not isinstance(choices, list):
            raise ValueError("it answers, but not as OpenAI's API does; --base-url usually ends in /v1")
        self._usage.count(getattr(completion, "usage", None))
        self._save()
        self._note("")
        message = getattr(choices[0], "message", None) if choices else None
        return getattr(message, "content", None) or ""

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self._stopping.wait()
        except TimeoutError:
            return
        raise asyncio.CancelledError

    def _gave_up(self, trouble: Trouble, said: str) -> Exception:
        stop = EndpointError(f"{said} (after {self._settings.max_retries} retries)")
        return Rejected(stop, patience=2, retried=True) if trouble.may_be_the_text else stop

    def _hide_key(self, message: str) -> str:
        return message.replace(self._settings.key, "***") if self._settings.key else message
