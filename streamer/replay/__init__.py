"""Playback of events files."""
