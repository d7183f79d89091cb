"""Chooses the colours of emotions for a terminal."""

import os
from collections.abc import Callable, Mapping

from rich.console import Console

from streamer.outputs.palette import Look

StyleOf = Callable[[Look], str]
"""Maps a look to the rich style of its text and bars."""


def style_for(console: Console, environ: Mapping[str, str] = os.environ) -> StyleOf:
    """The style of looks in a terminal, by its number of colours and, if known, its background.

    Some terminals set COLORFGBG, such as "15;0" or "0;default;15": the last number is the background, one of
    the 16 colours.
    """
    if console.color_system in ("standard", "windows"):
        return lambda look: look.ansi
    background = environ.get("COLORFGBG", "").rpartition(";")[2]
    if background in {"0", "1", "2", "3", "4", "5", "6", "8"}:
        return on_dark
    if background in {"7", "9", "10", "11", "12", "13", "14", "15"}:
        return on_light
    return on_any


def on_dark(look: Look) -> str:
    """The style for a dark background."""
    return look.on_dark


def on_light(look: Look) -> str:
    """The style for a light background."""
    return look.on_light


def on_any(look: Look) -> str:
    """The style for an unknown background."""
    return look.colour
