"""Outputs: the receivers of events."""
