"""Readers of corpora, one per module."""
