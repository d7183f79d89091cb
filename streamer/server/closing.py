"""Closes a connection: sends the remaining events, then the reason."""

import asyncio
from contextlib import suppress
from typing import Protocol

from starlette.websockets import WebSocketDisconnect

from streamer.server.client_events import ClientEvents, Wire
from streamer.server.messages import NORMAL, ErrorMessage, Problem, Refused

_LONGEST_REASON = 120
"""Bytes of a close frame's reason, beside its code (RFC 6455, 5.5)."""


class Closable(Wire, Protocol):
    """A websocket, or a `ResumableClient` of several."""

    async def close(self, code: int, reason: str | None = None) -> None:
        """Close it."""
        ...


async def close_connection(
    wire: Closable, problem: Refused | None, timeout_s: float, events: ClientEvents | None = None
) -> None:
    """Send the remaining events and close, as far as the client reads them in time."""
    with suppress(TimeoutError, WebSocketDisconnect, RuntimeError):  # the client may go at any moment
        async with asyncio.timeout(timeout_s):
            if events is not None:
                await events.finish()
            if problem is None:
                await wire.close(NORMAL)
            elif problem.problem is not Problem.DISCONNECTED:
                message = ErrorMessage(code=problem.problem.code, message=str(problem))
                await wire.send_text(message.model_dump_json())
                reason = str(problem).encode()[:_LONGEST_REASON].decode(errors="ignore")
                await wire.close(problem.problem.close_code, reason)
