"""An onlooker's connection: it is told of all streams, and says nothing."""

import asyncio

from starlette.websockets import WebSocket

from streamer.server.closing import leave
from streamer.server.protocol import Problem, Refused, accepted_subprotocol
from streamer.server.watchers.watchers import Onlookers


async def watch(websocket: WebSocket, onlookers: Onlookers, close_timeout_s: float) -> None:
    """Serve an onlooker that the guard has let in, until it leaves or the server stops."""
    try:
        await websocket.accept(accepted_subprotocol(websocket.scope))
    except OSError:
        return  # it has gone already
    try:
        async with onlookers.join(websocket) as events:
            hearing = asyncio.create_task(_hear(websocket))
            closing = asyncio.create_task(onlookers.closing.wait())
            try:
                await asyncio.wait({hearing, closing}, return_when=asyncio.FIRST_COMPLETED)
                problem = (
                    hearing.result()
                    if hearing.done()
                    else Refused(Problem.SHUTTING_DOWN, "the server is stopping")
                )
                await leave(websocket, problem, close_timeout_s, events)
            finally:
                hearing.cancel()
                closing.cancel()
                await asyncio.wait({hearing, closing})
    except Refused as refused:
        await leave(websocket, refused, close_timeout_s)


async def _hear(websocket: WebSocket) -> Refused:
    """Wait until the onlooker leaves, or breaks the rule; returns why it ended."""
    message = await websocket.receive()
    if message["type"] == "websocket.disconnect":
        return Refused(Problem.DISCONNECTED, "the onlooker left")
    return Refused(Problem.BAD_MESSAGE, "an onlooker sends nothing; sound goes to /v1/streams/NAME")
