"""How many files may be open, and what for: each connection is one, and a stream opens more."""

from pathlib import Path

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

_SPARE = 32
"""For what is opened now and then: fonts, sockets to a recogniser, a database's journal."""

_OF_A_STREAM = 3
"""Its connection, and the pair of sockets before its decoder."""

_OF_ITS_FILE, _OF_ITS_BROKER = 1, 5


def raise_limit() -> None:
    """Let as many files be open as this user may have: the usual limit is meant for other programs."""
    if resource is not None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
        if wanted > soft != resource.RLIM_INFINITY:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def room_for_connections(wanted: int) -> int:
    """How many connections there may be that are no streams: a quarter of what may be open, at most."""
    limit = None if resource is None else resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if limit is None or limit == resource.RLIM_INFINITY:
        return wanted
    return max(1, min(wanted, limit // 4))


def room_for_streams(connections: int, *, file: bool, broker: bool) -> int | None:
    """How many streams there may be beside other connections; None where nothing limits them, at least one.

    Args:
        connections: that are no streams.
        file: whether each stream writes one.
        broker: whether each is published.
    """
    if resource is None:
        return None
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if limit == resource.RLIM_INFINITY:
        return None
    of_one = _OF_A_STREAM + _OF_ITS_FILE * file + _OF_ITS_BROKER * broker
    return max(1, (limit - _open_now() - _SPARE - connections) // of_one)


def _open_now() -> int:
    folder = Path("/dev/fd")
    return sum(1 for _ in folder.iterdir()) if folder.is_dir() else _SPARE
