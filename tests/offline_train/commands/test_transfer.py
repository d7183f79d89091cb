"""`merits-train transfer`: every corpus of words in a folder, by the emotions in common."""

import json
import sys
from pathlib import Path

import pytest

from offline_train.app import main
from tests.offline_train.miniatures import make_dailydialog, make_goemotions, make_meld, make_msp_podcast
from tests.tiny import make_bundle


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int | str | None:
    monkeypatch.setattr(sys, "argv", ["merits-train", "transfer", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


def test_a_row_for_every_corpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = tmp_path / "data", tmp_path / "report.json"
    make_meld(data / "meld", clips=False)
    make_goemotions(data / "goemotions")
    make_dailydialog(data / "dailydialog", train=True)
    make_msp_podcast(data / "msp_podcast")  # with sound, which is left aside
    bundle = make_bundle(tmp_path / "tiny", labels=("neutral", "joy", "anger", "surprise"))
    assert run(monkeypatch, "--bundle", bundle, "--data", data, "--json", out) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].split()[:4] == ["corpus", "judged", "n", "macro"]
    assert [line.split()[0] for line in shown[1:]] == [
        name for name in ("meld", "msp-podcast", "goemotions", "dailydialog") for _ in range(3)
    ]
    report = json.loads(out.read_text())
    assert report["bundle"] == "tiny@1"
    assert report["command"].startswith("merits-train transfer --bundle")
    found = report["corpora"]
    assert all(each["modalities"] == ["words"] for each in found.values())
    assert found["meld"]["labels"] == ["neutral", "joy", "anger", "surprise"]
    assert (found["meld"]["utterances"], found["meld"]["left_out"]) == (9, 3)  # the sad ones
    assert found["goemotions"]["labels"] == ["neutral", "anger"]
    assert (found["goemotions"]["utterances"], found["goemotions"]["left_out"]) == (2, 1)


def test_what_can_not_be_judged_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "none").mkdir()
    bundle = make_bundle(tmp_path / "tiny")
    assert run(monkeypatch, "--bundle", bundle, "--data", tmp_path / "none") == 2
    said = capsys.readouterr().err
    assert said.startswith("merits-train: expected folders of corpora (meld, msp_podcast, goemotions,")
    assert run(monkeypatch, "--data", tmp_path) == 2
    assert "--bundle or --run, one of them" in capsys.readouterr().err
