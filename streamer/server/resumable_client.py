"""The connection to a stream's client: one websocket, or several in succession."""

import asyncio
from contextlib import suppress
from time import monotonic

from starlette.websockets import WebSocket, WebSocketDisconnect

from streamer.server.closing import close_connection
from streamer.server.messages import GOING_AWAY, NORMAL, Gap, Problem, Refused, StreamResumed
from streamer.server.transport.websocket import GONE

AWAY_REASON = "the client was away"


class ResumableClient:
    """Receives from and sends to a client that may disconnect and return on another websocket.

    Args:
        websocket: an accepted websocket.
        linger_s: seconds to wait for a client that disconnected without an `end` message.

    Attributes:
        away: whether the client is disconnected and awaited.
    """

    def __init__(self, websocket: WebSocket, linger_s: float = 0.0) -> None:
        self.linger_s = linger_s
        self.away = False
        self._websocket = websocket
        self._heard_at = monotonic()
        self._missed_s: float | None = None
        self._over = False
        self._patience: asyncio.Timeout | None = None
        self._change: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def resumable(self) -> bool:
        """Whether another websocket may replace the present one."""
        return self.linger_s > 0 and not self._over

    @property
    def gone(self) -> bool:
        """Whether the connection is lost."""
        gone: asyncio.Event = self._websocket.scope[GONE]
        return gone.is_set()

    async def next(self, timeout_s: float, late: str) -> str | bytes | Gap | None:
        """The next message; a gap for the time the client was away; None after a regular close.

        Args:
            timeout_s: longest wait for the message, in seconds.
            late: error message if none comes in time.

        Raises:
            Refused: no message came in time, or the client has gone.
        """
        if self._missed_s is not None:
            return self._gap()
        try:
            async with asyncio.timeout(timeout_s) as self._patience:
                message = await self._websocket.receive()
        except TimeoutError:
            if self._missed_s is not None:
                return self._gap()
            raise Refused(Problem.TIMEOUT, late) from None
        finally:
            self._patience = None
        if message["type"] != "websocket.disconnect":
            self._heard_at = monotonic()
            text: str | None = message.get("text")
            return message["bytes"] if text is None else text
        if self.resumable and self._missed_s is None:
            await self._linger()
        if self._missed_s is not None:
            return self._gap()
        self.give_up()
        if message["code"] in (NORMAL, GOING_AWAY):
            return None
        raise Refused(Problem.DISCONNECTED, f"the client disconnected (close code {message['code']})")

    async def send_text(self, data: str) -> None:
        """Send one message; while the client is away, wait for it.

        Raises:
            WebSocketDisconnect: the client does not return.
            RuntimeError: the websocket was closed from this side.
        """
        while True:
            websocket = self._websocket
            try:
                if await self._sent(websocket, data):
                    return
            except (WebSocketDisconnect, RuntimeError):
                while websocket is self._websocket:
                    if not self.resumable:
                        raise
                    await asyncio.shield(self._change)

    async def _sent(self, websocket: WebSocket, data: str) -> bool:
        """Send over a websocket; False if it hangs, and another replaces it before the message is sent."""
        sending = asyncio.create_task(websocket.send_text(data))
        try:
            while websocket is self._websocket and not sending.done():
                await asyncio.wait({sending, self._change}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                await sending
            return sending.done()
        finally:
            sending.cancel()

    async def close(self, code: int, reason: str | None = None) -> None:
        """Close the present websocket."""
        await self._websocket.close(code, reason)

    async def pass_to(self, websocket: WebSocket, resumed: StreamResumed, timeout_s: float) -> None:
        """Continue on another websocket; the present one, if still open, is closed within a time limit."""
        old, self._websocket = self._websocket, websocket
        self._missed_s = (self._missed_s or 0.0) + monotonic() - self._heard_at
        self._heard_at = monotonic()
        self._tell()
        if self._patience is not None and not self._patience.expired():
            self._patience.reschedule(0)
        with suppress(WebSocketDisconnect, RuntimeError):  # gone again: `next` notices that
            await websocket.send_text(resumed.model_dump_json())
        await close_connection(
            old, Refused(Problem.TAKEN_OVER, "this stream goes on over another connection"), timeout_s
        )

    async def lost(self) -> None:
        """Wait until the connection is lost, even if it is not read, and no other one is awaited."""
        while True:
            websocket = self._websocket
            await websocket.scope[GONE].wait()
            while self._websocket is websocket and self.resumable:
                await asyncio.shield(self._change)
            if self._websocket is websocket:
                return

    async def left(self, websocket: WebSocket) -> None:
        """Wait until a websocket is no longer used."""
        while self._websocket is websocket and not self._over:
            await asyncio.shield(self._change)

    def give_up(self) -> None:
        """Stop waiting for the client."""
        self._over, self.away = True, False
        self._tell()

    async def _linger(self) -> None:
        self.away = True
        with suppress(TimeoutError):
            async with asyncio.timeout(self.linger_s):
                await asyncio.shield(self._change)
        self.away = False

    def _gap(self) -> Gap:
        missed_s, self._missed_s = self._missed_s, None
        return Gap(type="gap", length_s=max(missed_s or 0.0, 1e-3), reason=AWAY_REASON)

    def _tell(self) -> None:
        change, self._change = self._change, asyncio.get_running_loop().create_future()
        change.set_result(None)
