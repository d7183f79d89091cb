"""The open connections: their limits by kind, which one is closed for a new one, and which have hung up."""

import select
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from enum import Enum
from itertools import chain, islice
from time import monotonic

_KEPT_ALIVE = {"TCP_KEEPIDLE": 10, "TCP_KEEPALIVE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 4}
"""TCP keep-alive in seconds and probes, by the option's name on each platform."""

_ENDED_AT_ONCE = 100
"""Most late connections ended at a time: all their clients would reconnect at once."""


class State(Enum):
    """What a connection is used for."""

    WAITING = "waits for a request, or for the end of the TLS handshake"
    ANSWERED = "its request is being answered"
    WEBSOCKET = "a websocket that streams or watches, or its handshake"


class Connection:
    """An accepted connection.

    Attributes:
        socket: its socket.
        address: address of the client, without the port.
        state: what it is used for.
        deadline: time by `monotonic` at which it is late; infinite for websockets, which have timeouts of
            their own.
        abort: closes the connection and drops unsent data.
        held_back: whether its websocket is not being read, so that a hang-up goes unnoticed.
    """

    def __init__(self, connected: socket.socket, address: str) -> None:
        self.socket = connected
        self.address = address
        self.state = State.WAITING
        self.deadline = 0.0
        self.abort: Callable[[], object] = connected.close
        self.held_back = False


class Connections:
    """All open connections of a server, within limits that never keep a new client out.

    Above the limit of connections that are not websockets, one of the address with the most connections is
    ended: the one that has waited longest for a request, else the one that has been answered longest.

    Args:
        plain: limit of connections that are not websockets.
        websockets: limit of websockets.
        request_s: time limit for a request to arrive, and for a TLS handshake, in seconds.
        answer_s: time limit for the client to read the response, in seconds.
    """

    def __init__(self, *, plain: int, websockets: int, request_s: float, answer_s: float) -> None:
        self._plain = plain
        self._websockets = websockets
        self._within_s = {State.WAITING: request_s, State.ANSWERED: answer_s, State.WEBSOCKET: float("inf")}
        self._of: dict[State, dict[Connection, None]] = {state: {} for state in State}  # oldest first
        self._addresses: Counter[str] = Counter()  # connections that are not websockets, by client

    def __len__(self) -> int:
        return sum(map(len, self._of.values()))

    def enter(self, connected: socket.socket, address: str) -> Connection:
        """Add a new connection; another one may be ended for it."""
        if len(self._of[State.WAITING]) + len(self._of[State.ANSWERED]) >= self._plain:
            self.make_room()
        connection = Connection(connected, address)
        self._put(connection, State.WAITING)
        return connection

    def make_room(self) -> bool:
        """End one connection that is not a websocket; False if there is none."""
        if not self._addresses:
            return False
        [(most, _)] = self._addresses.most_common(1)
        self._end(next(connection for connection in self._plain_ones() if connection.address == most))
        return True

    def now(self, connection: Connection, state: State) -> bool:
        """Change the state of a connection, or renew its deadline.

        Returns:
            False if it was ended meanwhile, or if there are too many websockets.
        """
        if connection not in self._of[connection.state]:
            return False  # it was ended for a newer one
        if state is State.WEBSOCKET and len(self._of[State.WEBSOCKET]) >= self._websockets:
            return False
        self.leave(connection)
        self._put(connection, state)
        return True

    def leave(self, connection: Connection) -> None:
        """Forget a connection that is closed."""
        if connection in (there := self._of[connection.state]):
            del there[connection]
            if connection.state is not State.WEBSOCKET:
                self._addresses[connection.address] -= 1
                if not self._addresses[connection.address]:
                    del self._addresses[connection.address]

    def close(self, connection: Connection) -> None:
        """Close a connection that has no transport."""
        self.leave(connection)
        connection.socket.close()

    def end_late(self) -> None:
        """End connections past their deadline, and websockets that hung up while they were not read."""
        now = monotonic()
        late = islice((each for each in self._plain_ones() if each.deadline < now), _ENDED_AT_ONCE)
        held_back = [connection for connection in self._of[State.WEBSOCKET] if connection.held_back]
        for connection in (*late, *_hung_up(held_back)):
            self._end(connection)

    def end_all(self) -> None:
        """End all connections."""
        for connection in [connection for there in self._of.values() for connection in there]:
            self._end(connection)

    def _plain_ones(self) -> Iterator[Connection]:
        return chain(self._of[State.WAITING], self._of[State.ANSWERED])

    def _put(self, connection: Connection, state: State) -> None:
        connection.state = state
        connection.deadline = monotonic() + self._within_s[state]
        self._of[state][connection] = None
        if state is not State.WEBSOCKET:
            self._addresses[connection.address] += 1

    def _end(self, connection: Connection) -> None:
        self.leave(connection)
        connection.abort()


def keep_alive(listener: socket.socket, vanished_s: float) -> None:
    """Have the system detect clients that vanish without closing, as when their network fails.

    Args:
        listener: the listening socket; connections that it accepts inherit the options.
        vanished_s: longest time in seconds that sent data may stay unacknowledged.
    """
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEPT_ALIVE.items():
        if (option := getattr(socket, name, None)) is not None:
            listener.setsockopt(socket.IPPROTO_TCP, option, value)
    if (option := getattr(socket, "TCP_USER_TIMEOUT", None)) is not None:
        listener.setsockopt(socket.IPPROTO_TCP, option, round(1000 * vanished_s))


def _hung_up(connections: list[Connection]) -> list[Connection]:
    """Connections that the client closed or reset; a socket that is not read does not report it by itself."""
    if not connections or not hasattr(select, "poll"):  # not on Windows
        return []
    poll = select.poll()
    by_number = {connection.socket.fileno(): connection for connection in connections}
    for number in by_number:
        if number >= 0:
            poll.register(number, getattr(select, "POLLRDHUP", 0))  # errors and POLLHUP are always reported
    return [by_number[number] for number, _ in poll.poll(0)]
