"""CMU PocketSphinx, embedded, in processes of its own."""
