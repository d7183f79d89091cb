"""CMU PocketSphinx, the embedded recogniser, in separate processes."""
