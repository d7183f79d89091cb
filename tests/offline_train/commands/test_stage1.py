"""`merits-train stage1` on corpora that can't be trained on: one line says what is missing."""

import sys
from pathlib import Path

import pytest

from offline_train.app import main
from tests.offline_train.miniatures import make_manifest
from tests.tiny import make_base


def complaint(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, str],
    *options: str,
) -> str:
    """What the command says of a manifest in which texts were replaced."""
    manifest = make_manifest(tmp_path / "own") / "manifest.csv"
    content = manifest.read_text()
    for old, new in changes.items():
        assert old in content
        content = content.replace(old, new)
    manifest.write_text(content)
    base = make_base(tmp_path / "base")
    capsys.readouterr()  # of the making
    line = f"merits-train stage1 text --corpus folder --data {manifest} --base {base}"
    monkeypatch.setattr(
        sys, "argv", [*line.split(), "--out", str(tmp_path / "run"), "--epochs", "1", *options]
    )
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    (said,) = capsys.readouterr().err.splitlines()
    return said


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_a_split_without_utterances(
    split: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = "test" if split == "train" else "train"
    said = complaint(tmp_path, monkeypatch, capsys, {f",{split}\n": f",{other}\n"})
    assert said == f"merits-train: folder: no labelled utterance of split {split} has words"


def test_a_single_label(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = complaint(tmp_path, monkeypatch, capsys, {",anger,": ",neutral,", ",happiness,": ",neutral,"})
    assert said == "merits-train: folder: 'neutral' is the only label: there is nothing to tell apart"


def test_folds_are_of_the_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = complaint(tmp_path, monkeypatch, capsys, {}, "--folds")
    assert said.startswith("merits-train: No such option: --folds")


def test_recordings_are_no_prepared_features(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = make_manifest(tmp_path / "own"), tmp_path / "run"
    line = f"merits-train stage1 features --corpus folder --data {data} --out {out}"
    monkeypatch.setattr(sys, "argv", line.split())
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said == f"merits-train: folder in {data} has no prepared features: `stage1 speech` hears it\n"
    assert not out.exists()
