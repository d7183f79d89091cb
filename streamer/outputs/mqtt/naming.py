"""Default names of streams."""

import re
import socket


def microphone_here(device: str | None) -> str:
    """The name of a microphone's stream; it contains the host name, since a broker serves many machines."""
    parts = ["microphone", socket.gethostname().split(".")[0], *([device] if device else [])]
    return "-".join(re.sub(r"[^A-Za-z0-9._]+", "-", part).strip("-") for part in parts).rstrip("-")
