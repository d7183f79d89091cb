"""A session: one stream, from its first sound to its last event."""
