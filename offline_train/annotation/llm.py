"""Pseudo-labels from a large language model, by a prompt (MERITS-L, section III-A)."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from offline_train.annotation.llm_api import Endpoint, EndpointSettings, Rejected
from offline_train.annotation.output import Output
from offline_train.annotation.prompt import EXAMPLES, PAPER_PROMPT, chat, parse_label
from offline_train.annotation.records import Annotation
from offline_train.annotation.texts import Text
from offline_train.annotation.usage import Usage

GRACE_S = 5.0


@dataclass(frozen=True)
class LlmAnnotator:
    """Sends texts to an endpoint, several at a time.

    Attributes:
        endpoint: the endpoint and its options.
        usage: counts requests and tokens.
        prompt: the prompt, with a placeholder for the text.
        asks: requests per text before it is set aside because no answer is a label.
        concurrency: maximum number of requests at a time.
        few_shot: whether to show `EXAMPLES` first.
    """

    endpoint: EndpointSettings
    usage: Usage
    prompt: str = PAPER_PROMPT
    asks: int = 3
    concurrency: int = 8
    few_shot: bool = False

    @property
    def name(self) -> str:
        """The name of the model, after "llm:"."""
        return f"llm:{self.endpoint.model}"

    @property
    def settings(self) -> Mapping[str, object]:
        """The model and the prompt; the endpoint and its timeouts may change."""
        shown = {"examples": [list(example) for example in EXAMPLES]} if self.few_shot else {}
        return {"annotator": self.name, "prompt": self.prompt, "temperature": 0, **shown}

    def annotate(self, texts: Sequence[Text], output: Output) -> None:
        """Annotate every text; see `Annotator`.

        When it fails or is interrupted, it waits a few seconds for pending answers.
        """
        asyncio.run(self._annotate(texts, output))

    async def _annotate(self, texts: Sequence[Text], output: Output) -> None:
        path = output.beside("usage.json")
        try:
            async with Endpoint(
                self.endpoint, self.usage, lambda: self.usage.save(path), output.note
            ) as endpoint:
                job = _Job(self, endpoint, output)
                await job.work(texts[:1])  # alone, so that a wrong key or model costs one request
                await job.work(texts[1:])
                job.finish()
        finally:
            self.usage.save(path)


class _Job:
    """State while texts are annotated."""

    def __init__(self, annotator: LlmAnnotator, endpoint: Endpoint, output: Output) -> None:
        self._annotator = annotator
        self._endpoint = endpoint
        self._output = output
        self._answered = len(output.done)
        self._rejected: list[tuple[Text, Rejected]] = []

    async def work(self, texts: Sequence[Text]) -> None:
        """Annotate texts, `concurrency` at a time.

        Raises:
            EndpointError, UsageError: see `Endpoint.ask`.
        """
        queue = deque(texts)

        async def worker() -> None:
            while queue:
                await self._annotate(queue.popleft())

        tasks = [asyncio.create_task(worker()) for _ in range(min(self._annotator.concurrency, len(queue)))]
        if not tasks:
            return
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            queue.clear()
            if not all(task.done() for task in tasks):
                self._endpoint.stop()
                await asyncio.wait(tasks, timeout=GRACE_S)
                for task in tasks:
                    task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
        for error in ends:
            if isinstance(error, Exception):
                raise error

    def finish(self) -> None:
        """Check the texts rejected last.

        Raises:
            EndpointError, UsageError: no text was accepted since, so the fault may be the endpoint's.
        """
        if self._rejected:
            raise self._rejected[0][1].stop

    async def _annotate(self, text: Text) -> None:
        answers: list[str] = []
        messages = chat(self._annotator.prompt, text.text, EXAMPLES if self._annotator.few_shot else ())
        before = self._answered
        for _ in range(self._annotator.asks):
            try:
                answer = await self._endpoint.ask(messages)
            except Rejected as rejection:
                self._reject(text, rejection, before)
                return
            self._accept()
            label = parse_label(answer)
            if label is not None:
                self._output.write(Annotation(text.id, text.text, label, self._annotator.name, text.context))
                return
            self._annotator.usage.invalid_answers += 1
            answers.append(answer)
        self._output.set_aside(text, answers)

    def _reject(self, text: Text, rejection: Rejected, before: int) -> None:
        """Set a text aside if the endpoint accepts others; until that is known, keep it."""
        if self._answered > (before if rejection.retried else 0):
            self._output.set_aside(text, (), str(rejection))
            return
        self._rejected.append((text, rejection))
        if len(self._rejected) >= rejection.patience:
            raise rejection.stop

    def _accept(self) -> None:
        self._answered += 1
        for text, rejection in self._rejected:
            self._output.set_aside(text, (), str(rejection))
        self._rejected.clear()
