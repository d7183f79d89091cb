"""Turn detection: voice activity and end-pointing."""
