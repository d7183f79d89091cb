"""Runs of another stage or modality than is asked for: one line says which stage is wanted."""

import sys
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from offline_train.app import main
from offline_train.errors import RunFolderError
from offline_train.runs.kinds import expect, kind_of
from offline_train.runs.run import Run

CONFIGS: dict[str, dict[str, Any]] = {
    "pretrain-text": {"text": {}, "base_sha256": ""},
    "pretrain-care": {"care": {}},
    "text1": {"text": {}, "base_sha256": ""},
    "speech1": {"care": {}, "speech": {}, "labels": []},
    "features": {"features": 47, "speech": {}, "labels": []},
    "text2": {"context": {}, "modality": "text"},
    "speech2": {"context": {}, "modality": "speech"},
    "fusion": {"conversation": {}},
}


def make(root: Path, name: str) -> Run:
    """A finished run, as far as its kind can be told."""
    corpus = {} if name == "pretrain-text" else {"corpus": {"corpus": "meld", "data": "data"}}
    run = Run.open(root / name, {**corpus, "parents": {}}, "merits-train")
    run.finish(nn.Linear(1, 1), CONFIGS[name], {})
    return run


def test_kinds_are_told_apart(tmp_path: Path) -> None:
    found = {name: kind_of(make(tmp_path, name)) for name in CONFIGS}
    assert found == {name: name for name in CONFIGS} | {
        "pretrain-text": None,
        "pretrain-care": None,
        "features": "speech1",
    }


def test_an_unfinished_run_is_of_no_kind(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="no finished run"):
        expect(Run.open(tmp_path / "run", {}, "merits-train"), "text1")


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("stage2 text --stage1 speech1", "speech1 is no run of stage1 text"),
        (
            "stage2 text --stage1 pretrain-text",
            "pretrain-text is no run of stage1 text",
        ),
        ("stage2 speech --stage1 text1", "text1 is no run of stage1 speech"),
        ("stage3 --text speech2 --speech text2", "speech2 is no run of stage2 text"),
        ("stage3 --text text2 --speech speech1", "speech1 is no run of stage2 speech"),
    ],
)
def test_commands_name_the_stage_they_want(
    line: str,
    wanted: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in CONFIGS:
        make(tmp_path, name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["merits-train", *line.split(), "--out", "run"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"merits-train: {wanted}\n"
    assert not Path("run").exists()
