"""XML documents from the templates beside this file."""

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from streamer.reports.wording import xml_text


def render(template: str, **given: Any) -> bytes:
    """A document, in UTF-8; what XML cannot carry of the texts that are given is replaced."""
    return _environment().get_template(template).render(given).encode() + b"\n"


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        finalize=lambda value: _escaped(value) if isinstance(value, str) else value,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _escaped(text: str) -> Markup:
    """White space of an attribute, too, which a reader would otherwise take for spaces."""
    return Markup(str(escape(xml_text(text))).replace("\t", "&#9;").replace("\n", "&#10;"))
