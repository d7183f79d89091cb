"""Errors of reading a corpus."""


class CorpusError(Exception):
    """A corpus is missing or broken. The message, one line, says what was expected where."""
