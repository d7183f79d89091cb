"""An OpenAI-compatible endpoint that may be slow, busy, broken or gone."""

import asyncio
import os
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from openai import AsyncOpenAI, OpenAIError

from offline_train.annotation.base import EndpointError
from offline_train.annotation.retry import Trouble, trouble_of, wait_before_retry
from offline_train.annotation.usage import Usage
from offline_train.errors import UsageError

LONGEST_WAIT_S = 600.0


@dataclass(frozen=True)
class EndpointSettings:
    """Where to ask, and how patiently.

    Attributes:
        model: by the endpoint's name for it.
        base_url: of the API, e.g. http://localhost:11434/v1; None for OPENAI_BASE_URL or OpenAI itself.
        key: None where none is needed.
        max_retries: of a request that failed.
        backoff_s: before the first retry; doubles with each.
        timeout_s: of one request.
    """

    model: str
    base_url: str | None = None
    key: str | None = field(default=None, repr=False)
    max_retries: int = 8
    backoff_s: float = 1.0
    timeout_s: float = 60.0


def read_key(path: Path | None, environment: Mapping[str, str]) -> str | None:
    """The key in a file, else OPENAI_API_KEY; None where there is neither.

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
    """The endpoint answers others, perhaps, but not this text.

    Attributes:
        stop: what to raise if it turns out that it answers nobody.
        patience: so many texts in a row may be rejected before that is plain.
        retried: whether the text was tried over and over: only answers since then speak for the endpoint.
    """

    def __init__(self, stop: EndpointError | UsageError, *, patience: int, retried: bool) -> None:
        super().__init__(str(stop))
        self.stop = stop
        self.patience = patience
        self.retried = retried


class Endpoint:
    """Asks, and asks again where that may help. Use it as an asynchronous context manager."""

    def __init__(
        self, settings: EndpointSettings, usage: Usage, save: Callable[[], None], note: Callable[[str], None]
    ) -> None:
        """Prepare to ask.

        Args:
            settings: where and how.
            usage: counts every request and answer.
            save: called when `usage` counts what costs.
            note: told what is being waited for, "" when it is over.

        Raises:
            UsageError: there is no key for OpenAI, or the address is none.
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
            api_key=settings.key or "none",  # the client wants one even where the endpoint does not
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
        """The API's address, without a password that it may hold."""
        url = self._client.base_url
        return urlsplit(str(url))._replace(netloc=url.netloc.decode().rpartition("@")[2]).geturl().rstrip("/")

    def stop(self) -> None:
        """Send nothing more: whoever waits to do so is cancelled. Requests under way go on."""
        self._stopping.set()

    async def ask(self, prompt: str) -> str:
        """One answer to one prompt, at temperature 0.

        Raises:
            EndpointError: it failed for good.
            UsageError: it refuses the key, the model or the address.
            Rejected: it does not answer this prompt.
        """
        for attempt in range(self._settings.max_retries + 1):
            await self._pause(self._not_before - time.monotonic())
            try:
                return await self._ask_once(prompt)
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
                if trouble.retry_after_s is not None:  # it speaks to everybody
                    self._not_before = max(self._not_before, time.monotonic() + trouble.retry_after_s)
                await self._pause(wait)
                self._usage.retries += 1
        raise self._gave_up(trouble, said)

    async def _ask_once(self, prompt: str) -> str:
        self._usage.requests += 1
        async with asyncio.timeout(self._settings.timeout_s):
            completion = await self._client.chat.completions.create(
                model=self._settings.model,
                messages=[{"role": "user", "content": prompt}],
                temperature=0,
            )
        # The client checks nothing: a web page comes back as a string, a stray object with fields missing.
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
