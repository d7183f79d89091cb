"""Numbers and tables in Markdown."""

from collections.abc import Iterable, Sequence


def milliseconds(value: float) -> str:
    """With a tenth where it matters."""
    return f"{value:.1f} ms" if value < 10 else f"{value:,.0f} ms"


def percent(share: float) -> str:
    """Of a share of 1."""
    return f"{100 * share:.1f} %"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The first column to the left, the others to the right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
