"""An output of one's own: posts turns that sound angry to a webhook.

python own_output.py talk.wav http://127.0.0.1:8080/hooks/anger
"""

import asyncio
import json
import sys
import urllib.request
from types import TracebackType
from typing import Self

import streamer


class Webhook:
    """An `Output` that posts a line of JSON for every turn with one emotion."""

    def __init__(self, url: str, emotion: str = "anger") -> None:
        self._url = url
        self._emotion = emotion

    async def __aenter__(self) -> Self:
        """Nothing to prepare; what can never work would raise `InputError` here."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is held back, so nothing is left to hand over."""

    async def send(self, event: streamer.Event) -> None:
        """Take one event; the session waits meanwhile."""
        if isinstance(event, streamer.TurnFinal) and event.emotion == self._emotion:
            await asyncio.to_thread(self._post, {"text": event.text, "confidence": event.confidence})

    def _post(self, message: dict[str, object]) -> None:
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self._url, json.dumps(message).encode(), headers)
        try:
            urllib.request.urlopen(request, timeout=5).close()
        except OSError as error:
            raise streamer.RunError(f"{self._url} does not take events: {error}") from error


async def main(path: str, url: str) -> None:
    """Analyze a recording for the sake of its output."""
    async for event in streamer.analyze(path, outputs=[Webhook(url)]):
        if isinstance(event, streamer.SessionEnded):
            print(f"{event.turns} turns")


if __name__ == "__main__":
    try:
        asyncio.run(main(sys.argv[1], sys.argv[2]))
    except (streamer.InputError, streamer.RunError) as error:
        sys.exit(str(error))
