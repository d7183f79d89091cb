"""The limit of open files, shared out: a connection takes one, a stream several."""

from pathlib import Path

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

_SPARE = 32
"""Kept free for files that are opened now and then: fonts, sockets to a recogniser, a database journal."""

_OF_A_STREAM = 3
"""A stream's connection, and the pair of sockets to its decoder."""

_OF_ITS_FILE, _OF_ITS_BROKER = 1, 5


def raise_limit() -> None:
    """Raise the limit of open files to the hard limit, at most 65,536; the default is low for a server."""
    if resource is not None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
        if wanted > soft != resource.RLIM_INFINITY:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def room_for_connections(wanted: int) -> int:
    """The wanted number of connections that are not streams, at most a quarter of the open files allowed."""
    limit = None if resource is None else resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if limit is None or limit == resource.RLIM_INFINITY:
        return wanted
    return max(1, min(wanted, limit // 4))


def room_for_streams(connections: int, *, file: bool, broker: bool) -> int | None:
    """The number of streams that the limit of open files allows, at least one; None without a limit.

    Args:
        connections: number of connections that are not streams.
        file: whether each stream writes an events file.
        broker: whether each stream is published to a broker.
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
