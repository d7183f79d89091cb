"""One stream from its first sound to its last event."""
