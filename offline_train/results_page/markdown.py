"""Renders Markdown from templates, in a folder `templates` beside the module that uses them."""

import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def environment(templates: Path) -> Environment:
    """An environment with a filter `form` (Python's `format`), in which undefined names are errors."""
    made = Environment(
        loader=FileSystemLoader(templates), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters["form"] = format
    return made


def fill(environment: Environment, name: str, **values: Any) -> str:
    """Render a template; several empty lines, as left by blocks, become one."""
    text = environment.get_template(f"{name}.md.jinja").render(values)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
