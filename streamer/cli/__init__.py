"""The command line, `merits`: one file for each command or group of commands."""
