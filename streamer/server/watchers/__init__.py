"""Watchers of all streams: web pages and other clients."""
