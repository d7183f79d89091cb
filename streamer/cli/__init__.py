"""The command line, `merits`, a group of commands a file."""
