"""How every figure looks, and how it is written: the same numbers give the same bytes."""

import warnings
from contextlib import AbstractContextManager
from io import StringIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from models.atomic_write import write_whole

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#7F7F7F"
COLOURS = (BLUE, ORANGE, GREEN, "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe & Ito's (2008), told apart whatever one's colour vision; markers differ, too."""

MARKERS = ("o", "s", "^", "D", "v", "P")


def look(font_size: float = 9.0) -> AbstractContextManager[None]:
    """Matplotlib's settings while a figure is drawn and written."""
    style: dict[Any, Any] = {
        "svg.hashsalt": "merits",
        "svg.fonttype": "none",  # text stays text
        "text.parse_math": False,
        "font.size": font_size,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    return mpl.rc_context(style)


def save(figure: Figure, path: Path) -> Path:
    """Write a figure as a whole file, which says nothing of when and with what it was made.

    Args:
        figure: drawn within `look`, as this is called.
        path: where; its folder is made.

    Returns:
        The path.
    """
    content = StringIO()
    with warnings.catch_warnings():
        # the text stays text: what shows it has other fonts
        warnings.filterwarnings("ignore", "Glyph .* missing")
        figure.savefig(content, format="svg", metadata={"Date": None, "Creator": None})
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, "".join(line.rstrip() + "\n" for line in content.getvalue().splitlines()))
    return path
