"""Text that is safe to show: names, words and messages may come from strangers."""


def printable(text: str) -> str:
    """One line without anything a terminal would obey."""
    return "".join(c if c.isprintable() else " " for c in text)
