"""Training runs on disk: their settings, results and lineage."""
