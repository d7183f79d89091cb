"""A watcher's connection: it receives the events of all streams, and sends nothing."""

import asyncio

from starlette.websockets import WebSocket

from streamer.server.closing import close_connection
from streamer.server.messages import Problem, Refused, accepted_subprotocol
from streamer.server.watchers.watchers import Watchers


async def watch(websocket: WebSocket, watchers: Watchers, close_timeout_s: float) -> None:
    """Serve an authenticated watcher until it leaves or the server stops."""
    try:
        await websocket.accept(accepted_subprotocol(websocket.scope))
    except OSError:
        return  # the watcher has gone already
    try:
        async with watchers.join(websocket) as events:
            hearing = asyncio.create_task(_hear(websocket))
            closing = asyncio.create_task(watchers.closing.wait())
            try:
                await asyncio.wait({hearing, closing}, return_when=asyncio.FIRST_COMPLETED)
                problem = (
                    hearing.result()
                    if hearing.done()
                    else Refused(Problem.SHUTTING_DOWN, "the server is stopping")
                )
                await close_connection(websocket, problem, close_timeout_s, events)
            finally:
                hearing.cancel()
                closing.cancel()
                await asyncio.wait({hearing, closing})
    except Refused as refused:
        await close_connection(websocket, refused, close_timeout_s)


async def _hear(websocket: WebSocket) -> Refused:
    """Wait until the watcher leaves or sends a message, which is an error; returns the reason."""
    message = await websocket.receive()
    if message["type"] == "websocket.disconnect":
        return Refused(Problem.DISCONNECTED, "the watcher left")
    return Refused(Problem.BAD_MESSAGE, "a watcher sends nothing; sound goes to /v1/streams/NAME")
