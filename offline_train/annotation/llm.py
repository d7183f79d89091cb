"""Pseudo-labels from a large language model, at the prompt's word (MERITS-L, section III-A)."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from offline_train.annotation.llm_api import Endpoint, EndpointSettings, Rejected
from offline_train.annotation.output import Output
from offline_train.annotation.prompt import PAPER_PROMPT, fill, parse_label
from offline_train.annotation.records import Annotation
from offline_train.annotation.texts import Text
from offline_train.annotation.usage import Usage

GRACE_S = 5.0


@dataclass(frozen=True)
class LlmAnnotator:
    """Asks an endpoint about several texts at a time.

    Attributes:
        endpoint: where to ask.
        usage: goes on counting.
        prompt: with a place for the sentence.
        asks: of a text whose answers are none of the labels, before it is set aside.
        concurrency: requests at a time, at most.
    """

    endpoint: EndpointSettings
    usage: Usage
    prompt: str = PAPER_PROMPT
    asks: int = 3
    concurrency: int = 8

    @property
    def name(self) -> str:
        """The model."""
        return f"llm:{self.endpoint.model}"

    @property
    def settings(self) -> Mapping[str, object]:
        """The model and the prompt; where and how patiently they are asked may change."""
        return {"annotator": self.name, "prompt": self.prompt, "temperature": 0}

    def annotate(self, texts: Sequence[Text], output: Output) -> None:
        """Ask about every text; see `Annotator`.

        When it has to stop, or is interrupted, answers under way get a few seconds to come in.
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
    """What is going on while texts are asked about."""

    def __init__(self, annotator: LlmAnnotator, endpoint: Endpoint, output: Output) -> None:
        self._annotator = annotator
        self._endpoint = endpoint
        self._output = output
        self._answered = len(output.done)
        self._rejected: list[tuple[Text, Rejected]] = []

    async def work(self, texts: Sequence[Text]) -> None:
        """Annotate texts, `concurrency` at a time.

        Raises:
            EndpointError: see `Endpoint.ask`.
            UsageError: likewise.
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
        """Nothing is left to ask.

        Raises:
            EndpointError: the last texts were rejected, and nothing shows that others are not.
            UsageError: likewise.
        """
        if self._rejected:
            raise self._rejected[0][1].stop

    async def _annotate(self, text: Text) -> None:
        answers: list[str] = []
        before = self._answered
        for _ in range(self._annotator.asks):
            try:
                answer = await self._endpoint.ask(fill(self._annotator.prompt, text.text))
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
        """Set a text aside if the endpoint answers others; if that is not known yet, wait and see."""
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
