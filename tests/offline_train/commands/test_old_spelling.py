"""Lines of the release before, in which sub-commands were values of an option, and a benchmark was one."""

import shlex
import sys
from pathlib import Path

import pytest
import typer

from offline_train.annotation.records import read_annotations
from offline_train.app import app, main
from tests.offline_train.annotation.conftest import Command, annotate, texts  # noqa: F401  fixtures

GROUPS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("annotate --annotator corpus --labels emotion --out x", "annotate corpus --labels emotion --out x"),
        ("annotate --texts t --annotator=lexicon --out x", "annotate lexicon --texts t --out x"),
        (
            "annotate --texts t --model m --oracle --out x",
            "annotate llm --texts t --model m --oracle --out x",
        ),
        ("annotate --texts t --out x", "annotate llm --texts t --out x"),
        ("annotate --corpus meld --oracle --out x", "annotate agreement --corpus meld --oracle --out x"),
        ("stage1 --modality text --out 'a b'", "stage1 text --out 'a b'"),
        ("stage1 --corpus ravdess --folds --modality speech", "stage1 speech --corpus ravdess --folds"),
        ("stage1 --modality speech --features f --out x", "stage1 features --features f --out x"),
        ("stage2 --modality=speech --stage1 x", "stage2 speech --stage1 x"),
    ],
)
def test_the_new_line_is_named(old: str, new: str, capsys: pytest.CaptureFixture[str]) -> None:
    name, *arguments = shlex.split(old)
    GROUPS[name].make_context(name, arguments)
    said = f"merits-train: the next release takes this line only as: merits-train {new}\n"
    assert capsys.readouterr().err == said
    GROUPS[name].make_context(name, shlex.split(new)[1:])
    assert capsys.readouterr().err == ""


def test_they_do_what_they_did(annotate: Command, texts: Path, tmp_path: Path) -> None:  # noqa: F811
    out = tmp_path / "out.jsonl"
    old = annotate("--texts", texts, "--out", out, "--annotator", "lexicon")
    assert (old.code, old.err.count("\n")) == (0, 1)
    assert len(read_annotations(out)) == 30
    new = annotate("lexicon", "--texts", texts, "--out", out)
    assert (new.code, new.out, new.err) == (0, old.out, "")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("stage1 --modality smell --out x", "stage1 text|speech|features"),
        ("stage1 --out x", "stage1 text|speech|features"),
        ("stage2 smell --out x", "'smell'"),
        (
            "dry-run --preset paper --stage stage2",
            "python -m benchmarks.training_cost --preset paper --stage stage2",
        ),
        ("dry-run --help", "python -m benchmarks.training_cost --help"),
    ],
)
def test_what_was_none_is_none(
    line: str, says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["merits-train", *line.split()])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    [said] = capsys.readouterr().err.splitlines()
    assert says in said
