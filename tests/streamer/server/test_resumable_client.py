"""A line from one websocket to the next, where the old one hangs."""

import asyncio
from typing import cast

from starlette.websockets import WebSocket

from streamer.server.messages import Gap, StreamResumed
from streamer.server.resumable_client import ResumableClient

RESUMED = StreamResumed(stream="desk", session="01ARZ3NDEKTSV4RRFFQ69G5FAV")


class Far:
    """The other end of a websocket, as the network leaves it."""

    def __init__(self, *, hangs: bool = False) -> None:
        self.told: list[str] = []
        self._hangs = hangs

    async def send_text(self, data: str) -> None:
        if self._hangs:
            await asyncio.Event().wait()
        self.told.append(data)

    async def close(self, _code: int, _reason: str | None = None) -> None:
        pass

    @property
    def near(self) -> WebSocket:
        return cast(WebSocket, self)


async def test_what_a_connection_that_hangs_does_not_take_goes_over_the_next_one() -> None:
    line = ResumableClient(Far(hangs=True).near, linger_s=30)
    sending = asyncio.create_task(line.send_text("one"))
    await asyncio.sleep(0.01)
    assert not sending.done()
    after = Far()
    async with asyncio.timeout(5):
        await line.pass_to(after.near, RESUMED, timeout_s=0.05)
        await sending
        await line.send_text("two")
    assert after.told == [RESUMED.model_dump_json(), "one", "two"]


async def test_coming_back_twice_before_it_is_heard_misses_all_that_time() -> None:
    line = ResumableClient(Far().near, linger_s=30)
    for _ in range(2):
        await asyncio.sleep(0.1)
        await line.pass_to(Far().near, RESUMED, timeout_s=1)
    gap = await line.next(1, "late")
    assert isinstance(gap, Gap)
    assert 0.2 <= gap.length_s < 5
