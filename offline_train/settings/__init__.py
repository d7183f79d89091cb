"""Settings of commands, from files and flags."""
