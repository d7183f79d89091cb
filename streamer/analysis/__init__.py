"""The heavy part, shared by all streams: words and embeddings, in the order in which they are needed."""
