"""Evaluation of bundles and runs."""
