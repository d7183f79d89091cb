"""Corpora through frozen stages, computed once."""
