"""Speech recognition for `merits-train transcribe`."""
