"""Live: audio in, turns, words and embeddings, emotion in context, events out."""
