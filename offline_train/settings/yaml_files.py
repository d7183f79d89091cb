"""YAML as people expect it: 1e-4 is a number, a key given twice is a mistake."""

import re
from collections.abc import Mapping
from typing import Any

import yaml

from offline_train.errors import UsageError


class _Loader(yaml.SafeLoader):
    """PyYAML follows YAML 1.1, which takes 1e-4 for a string, and lets keys repeat."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A mapping, its keys checked."""
        seen = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key.value} is there twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\d[\d_]*)(\.[\d_]*)?[eE][-+]?\d+$"), list("-+0123456789")
)


def parse_yaml(text: str, source: str) -> Mapping[Any, Any]:
    """The mapping that a YAML text holds; an empty one holds nothing.

    Args:
        text: to parse.
        source: name in complaints.

    Raises:
        UsageError: it is no YAML, or no mapping.
    """
    try:
        content = yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise UsageError(f"{source}{line}: {getattr(error, 'problem', None) or 'no YAML'}") from None
    if content is not None and not isinstance(content, Mapping):
        raise UsageError(f"{source}: expected sections such as stage2, each a mapping of settings")
    return content or {}


def parse_scalar(text: str) -> Any:
    """A value as it stands in YAML; text that is none stays text."""
    try:
        return yaml.load(text, _Loader)
    except yaml.YAMLError:
        return text
