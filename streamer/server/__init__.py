"""Many streams at once, over websockets (see docs/protocol.md)."""
