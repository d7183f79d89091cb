"""The sample rate of all sound that the networks hear."""

SAMPLE_RATE = 16_000
"""Samples a second, in Hz."""
