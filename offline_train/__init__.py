"""Offline training: how a bundle comes to be."""
