"""Parses YAML with two corrections: 1e-4 is a number, and duplicate keys are errors."""

import re
from collections.abc import Mapping
from typing import Any

import yaml

from offline_train.errors import UsageError


class _Loader(yaml.SafeLoader):
    """PyYAML follows YAML 1.1, in which 1e-4 is a string, and accepts duplicate keys."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Build a mapping, and check for duplicate keys."""
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
    """Parse a YAML text that holds a mapping, or nothing.

    Args:
        text: the text.
        source: its name in error messages.

    Raises:
        UsageError: it is not YAML, or not a mapping.
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
    """Parse a YAML value; text that is not YAML is returned as it is."""
    try:
        return yaml.load(text, _Loader)
    except yaml.YAMLError:
        return text
