"""XML documents from the templates beside this file."""

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from streamer.reports.wording import xml_text


def render(template: str, **given: Any) -> bytes:
    """A document, in UTF-8; what XML cannot carry of the texts that are given is replaced."""
    found = templates("templates", finalize=_escaped).get_template(template)
    return found.render(given).encode() + b"\n"


@cache
def templates(folder: str, **options: Any) -> Environment:
    """The templates of a folder beside this file."""
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        **options,
    )


def _escaped(value: Any) -> Any:
    """White space of an attribute, too, which a reader would otherwise take for spaces."""
    if not isinstance(value, str):
        return value
    text = str(escape(xml_text(value))).replace("\r\n", "\n").replace("\r", "\n")  # as XML has it
    return Markup(text.replace("\t", "&#9;").replace("\n", "&#10;"))
