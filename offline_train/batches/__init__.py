"""Training batches of utterances and conversations."""
