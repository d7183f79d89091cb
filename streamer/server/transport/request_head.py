"""Reads the head of a connection's first request: thousands may connect and send nothing."""

import asyncio
from collections.abc import Callable

from streamer.server.transport.connections import Connection, Connections
from streamer.server.transport.http import MOST_HEAD_BYTES


class RequestHead:
    """Reads a connection until its first request's head may be whole, or can be none (RFC 9112, 2.1).

    Until then the connection costs a socket, but no task, transport or parser.

    Args:
        connection: just accepted, with a non-blocking socket.
        known: all connections of the server.
        serve: called with the connection and the bytes that were read.
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
        """Read the available bytes; the event loop calls this again when there are more."""
        try:
            more = self._connection.socket.recv(MOST_HEAD_BYTES)
        except (BlockingIOError, InterruptedError):
            self._wait()
            return
        except OSError:
            more = b""
        self._head += more
        if not more:
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
        self._known.close(self._connection)


def _may_be_whole(head: bytes) -> bool:
    ended = b"\n\r\n" in head or b"\n\n" in head
    return ended or b"" < head[:1] < b"!" or len(head) >= MOST_HEAD_BYTES
