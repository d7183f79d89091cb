"""What a connection says first: of those that only come and stay there may be thousands."""

import asyncio
from collections.abc import Callable

from streamer.server.transport.connections import Connection, Connections
from streamer.server.transport.http import MOST_HEAD_BYTES


class FirstHead:
    """Reads a connection until its first request's head may be whole, or can be none (RFC 9112, 2.1).

    Until then it costs a socket, and neither a task, a transport nor a parser.

    Args:
        connection: just accepted, with a socket that does not block.
        known: where it is known.
        serve: is called with the connection and what was read.
    """

    def __init__(
        self, connection: Connection, known: Connections, serve: Callable[[Connection, bytes], None]
    ) -> None:
        self._connection = connection
        self._known = known
        self._serve = serve
        self._head = b""
        self._loop: asyncio.AbstractEventLoop | None = None
        connection.abort = self._close

    def read(self) -> None:
        """Take in what there is; called again whenever there is more."""
        try:
            more = self._connection.socket.recv(MOST_HEAD_BYTES)
        except (BlockingIOError, InterruptedError):
            self._wait()
            return
        except OSError:
            more = b""
        self._head += more
        if not more:
            self._known.leave(self._connection)
            self._close()
        elif _may_be_whole(self._head):
            self._leave_loop()
            self._serve(self._connection, self._head)
        else:
            self._wait()

    def _wait(self) -> None:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._loop.add_reader(self._connection.socket, self.read)

    def _leave_loop(self) -> None:
        if self._loop is not None:
            self._loop.remove_reader(self._connection.socket)
            self._loop = None

    def _close(self) -> None:
        self._leave_loop()
        self._connection.socket.close()


def _may_be_whole(head: bytes) -> bool:
    ended = b"\n\r\n" in head or b"\n\n" in head
    return ended or b"" < head[:1] < b"!" or len(head) >= MOST_HEAD_BYTES
