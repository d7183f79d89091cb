"""What a stream is called where nobody has named it."""

import re
import socket


def microphone_here(device: str | None) -> str:
    """The name of a microphone's stream, with this machine's in it: a broker has those of others too."""
    parts = ["microphone", socket.gethostname().split(".")[0], *([device] if device else [])]
    return "-".join(re.sub(r"[^A-Za-z0-9._]+", "-", part).strip("-") for part in parts).rstrip("-")
