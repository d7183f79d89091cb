"""What a reader says when a corpus is not what it should be."""


class CorpusError(Exception):
    """A corpus is missing or broken. The message says, in one line, what was expected where."""
