"""Experiments: ordinary runs over several seeds, and what differs between them."""
