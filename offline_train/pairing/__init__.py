"""Dialogues without sound, paired with speech clips."""
