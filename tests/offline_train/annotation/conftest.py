"""The command, run in this process, and texts to annotate."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from offline_train.app import main


class Result(NamedTuple):
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


Command = Callable[..., Result]


@pytest.fixture
def annotate(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """`merits-train annotate` with these arguments."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["merits-train", "annotate", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        code = ended.value.code
        assert code is None or isinstance(code, int)
        return Result(code or 0, *capsys.readouterr())

    return run


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """Thirty texts, ids 1 to 30; every third is good, every third is bad."""
    path = tmp_path / "texts.txt"
    kinds = ("good", "bad", "so-so")
    path.write_text("".join(f"day {n} was {kinds[n % 3]}\n" for n in range(1, 31)), encoding="utf-8")
    return path
