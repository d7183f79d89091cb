"""How long `/livez` takes, from a process of its own: `python -m benchmarks.prober HOST:PORT < PIPE`.

Asks until its standard input ends, then prints the milliseconds of each answer as JSON. Nothing else runs in
it, and where the system lets it, it goes before the attackers and the honest clients.
"""

import json
import os
import select
import socket
import sys
from contextlib import suppress
from time import perf_counter

_ASK_EVERY_S = 0.05
_PATIENCE_S = 10.0


def _ask(place: tuple[str, int]) -> float:
    """Milliseconds until it has answered; as long as it is waited for where it does not."""
    began = perf_counter()
    try:
        with socket.create_connection(place, _PATIENCE_S) as connection:
            connection.sendall(b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            answered = b" 200 " in connection.recv(4096)
    except OSError:  # TimeoutError is one
        answered = False
    return 1e3 * (perf_counter() - began if answered else _PATIENCE_S)


def main() -> None:
    """Command line."""
    host, _, port = sys.argv[1].rpartition(":")
    with suppress(PermissionError):
        os.nice(-10)
    took_ms = []
    while not select.select([sys.stdin], [], [], _ASK_EVERY_S)[0]:
        took_ms.append(round(_ask((host, int(port))), 2))
    json.dump(took_ms, sys.stdout)


if __name__ == "__main__":
    main()
