"""Text that is safe to print: names, words and messages may be hostile."""


def printable(text: str) -> str:
    """The text as one line, without control characters."""
    return "".join(c if c.isprintable() else " " for c in text)
