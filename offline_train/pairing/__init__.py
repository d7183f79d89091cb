"""Dialogues whose sound can't be had, spoken by actors: each turn by the clip that sounds most like it."""
