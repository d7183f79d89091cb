"""Utterances and conversations as networks are shown them."""
