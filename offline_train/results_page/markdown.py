"""Markdown from templates, which lie in a folder `templates` beside the module that fills them."""

import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def environment(templates: Path) -> Environment:
    """Templates in which filter `form` is Python's `format`, and a name that is not there an error."""
    made = Environment(
        loader=FileSystemLoader(templates), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters["form"] = format
    return made


def fill(environment: Environment, name: str, **values: Any) -> str:
    """A template with its values; several empty lines, as its blocks leave them, become one."""
    text = environment.get_template(f"{name}.md.jinja").render(values)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
