"""Where turns begin and end: voice activity and end-pointing."""
