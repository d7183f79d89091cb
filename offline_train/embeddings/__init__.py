"""Embeddings of corpora by frozen stages, computed once."""
