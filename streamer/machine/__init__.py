"""The machine's limits: cores, memory and file locks."""
