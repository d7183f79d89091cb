"""Style and output of all figures; the same numbers give identical files."""

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
"""Okabe & Ito's colours (2008), distinguishable with any colour vision; markers differ, too."""

MARKERS = ("o", "s", "^", "D", "v", "P")


def look(font_size: float = 9.0) -> AbstractContextManager[None]:
    """A context with Matplotlib's settings for drawing and writing a figure."""
    style: dict[Any, Any] = {
        "svg.hashsalt": "merits",
        "svg.fonttype": "none",  # keeps text as text
        "text.parse_math": False,
        "font.size": font_size,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    return mpl.rc_context(style)


def save(figure: Figure, path: Path) -> Path:
    """Write a figure atomically as SVG, without date and creator.

    Args:
        figure: a figure drawn within `look`, in which this is called, too.
        path: the file; its folder is created.

    Returns:
        The path.
    """
    content = StringIO()
    with warnings.catch_warnings():
        # text is kept as text, and viewers have other fonts
        warnings.filterwarnings("ignore", "Glyph .* missing")
        figure.savefig(content, format="svg", metadata={"Date": None, "Creator": None})
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, "".join(line.rstrip() + "\n" for line in content.getvalue().splitlines()))
    return path
