"""The connections there are: how many of which kind, which one gives way, and which have gone."""

import select
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from enum import Enum
from itertools import chain, islice
from time import monotonic

_KEPT_ALIVE = {"TCP_KEEPIDLE": 10, "TCP_KEEPALIVE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 4}
"""Seconds and probes, as the platform names them: what is silent is asked whether it is there."""

_ENDED_AT_ONCE = 100
"""Of those that take too long, each time they are looked for: they would all come back at once."""


class State(Enum):
    """What a connection is about."""

    WAITING = "for a request, or for the end of its TLS handshake"
    ANSWERED = "has asked for something, which it gets"
    WEBSOCKET = "streams or watches, or wants to"


class Connection:
    """One that was accepted.

    Attributes:
        socket: to it.
        address: of its other end, without the port.
        state: what it is about.
        deadline: until when that must have changed, by `monotonic`; never for a websocket, which has its own.
        abort: ends it, whatever it has not taken yet.
        held_back: whether its websocket is not read at the moment: what happens to it goes unseen.
    """

    def __init__(self, connected: socket.socket, address: str) -> None:
        self.socket = connected
        self.address = address
        self.state = State.WAITING
        self.deadline = 0.0
        self.abort: Callable[[], object] = connected.close
        self.held_back = False


class Connections:
    """Knows all of them. Those that are no websocket are few, and none of them holds up a newcomer.

    When there are more than `plain`, the one gives way that waits longest of the address that has the most;
    where none of that waits, the one that has been answered for longest.

    Args:
        plain: how many may be no websocket.
        websockets: how many may be one.
        request_s: how long a request may take to come, and a TLS handshake.
        answer_s: how long a client may take to read what it asked for.
    """

    def __init__(self, *, plain: int, websockets: int, request_s: float, answer_s: float) -> None:
        self._plain = plain
        self._websockets = websockets
        self._within_s = {State.WAITING: request_s, State.ANSWERED: answer_s, State.WEBSOCKET: float("inf")}
        self._of: dict[State, dict[Connection, None]] = {state: {} for state in State}  # longest there first
        self._addresses: Counter[str] = Counter()  # of those that are no websocket

    def __len__(self) -> int:
        return sum(map(len, self._of.values()))

    def enter(self, connected: socket.socket, address: str) -> Connection:
        """One more was accepted; another one may have to go."""
        if len(self._of[State.WAITING]) + len(self._of[State.ANSWERED]) >= self._plain:
            self.make_room()
        connection = Connection(connected, address)
        self._put(connection, State.WAITING)
        return connection

    def make_room(self) -> bool:
        """Have one give way; False where there is none that could."""
        if not self._addresses:
            return False
        [(most, _)] = self._addresses.most_common(1)
        self._end(next(connection for connection in self._plain_ones() if connection.address == most))
        return True

    def now(self, connection: Connection, state: State) -> bool:
        """It is about something else now, or the same anew; False where there are too many of that kind."""
        if connection not in self._of[connection.state]:
            return False  # it had to give way
        if state is State.WEBSOCKET and len(self._of[State.WEBSOCKET]) >= self._websockets:
            return False
        self.leave(connection)
        self._put(connection, state)
        return True

    def leave(self, connection: Connection) -> None:
        """It is closed."""
        if connection in (there := self._of[connection.state]):
            del there[connection]
            if connection.state is not State.WEBSOCKET:
                self._addresses[connection.address] -= 1
                if not self._addresses[connection.address]:
                    del self._addresses[connection.address]

    def end_late(self) -> None:
        """End those that take too long, and the websockets that are held back and have gone meanwhile."""
        now = monotonic()
        late = islice((each for each in self._plain_ones() if each.deadline < now), _ENDED_AT_ONCE)
        held_back = [connection for connection in self._of[State.WEBSOCKET] if connection.held_back]
        for connection in (*late, *_hung_up(held_back)):
            self._end(connection)

    def end_all(self) -> None:
        """End everyone."""
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
    """Have the system notice peers that are no longer there, though they said nothing (their network went).

    Args:
        listener: what it accepts from now on has these options from it.
        vanished_s: how long a peer may take nothing of what is sent to it, or not answer for its network.
    """
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEPT_ALIVE.items():
        if (option := getattr(socket, name, None)) is not None:
            listener.setsockopt(socket.IPPROTO_TCP, option, value)
    if (option := getattr(socket, "TCP_USER_TIMEOUT", None)) is not None:
        listener.setsockopt(socket.IPPROTO_TCP, option, round(1000 * vanished_s))


def _hung_up(connections: list[Connection]) -> list[Connection]:
    """Those whose other end has closed or reset them: a socket that isn't read does not tell by itself."""
    if not connections or not hasattr(select, "poll"):  # not on Windows
        return []
    poll = select.poll()
    by_number = {connection.socket.fileno(): connection for connection in connections}
    for number in by_number:
        if number >= 0:
            poll.register(number, getattr(select, "POLLRDHUP", 0))  # errors and POLLHUP are always told
    return [by_number[number] for number, _ in poll.poll(0)]
