"""The expensive part, shared by all streams: words and embeddings, the most urgent first."""
