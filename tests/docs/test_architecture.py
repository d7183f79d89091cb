"""What the map names is there."""

import re

import pytest

from tests.docs.guide import ROOT, text

FILES = [
    f"/{path.relative_to(ROOT).as_posix()}"
    for package in ("streamer", "models", "offline_train")
    for path in (ROOT / package).rglob("*")
]
NAMED = {
    name.rstrip("/")
    for name in re.findall(r"`([\w/.]+)`", text("architecture"))
    if "/" in name or ".py" in name
}


@pytest.mark.parametrize("name", sorted(name for name in NAMED if "NAME" not in name))
def test_every_file_that_it_names_is_there(name: str) -> None:
    assert any(file.endswith(f"/{name}") for file in FILES)
