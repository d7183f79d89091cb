"""Each corpus left out, by the command line, on miniatures."""

import json
from pathlib import Path

import numpy as np
import pytest

from offline_train.app import app
from offline_train.errors import UsageError
from offline_train.runs.run import Run
from tests.offline_train.miniatures import make_voices


def ablate(*arguments: object) -> None:
    app(["ablate", "transfer", *map(str, arguments)], standalone_mode=False)


@pytest.mark.slow
def test_each_corpus_is_left_out_and_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = ["--corpus", "voices", "--data", make_voices(tmp_path / "voices"), "--seeds", "1,2"]
    for change in ("variants=0", "care.blocks=1", "hidden=0", "fit.epochs=1"):
        line += ["--stage1-set", f"speech:{change}"]
    out = tmp_path / "runs"
    ablate(*line, "--out", out)
    summary = json.loads((out / "transfer-voices.json").read_text())
    assert [row["name"] for row in summary["rows"]] == ["tess", "savee", "mean"]
    for number, row in enumerate(summary["rows"][:2]):
        reports = [Run(out / f"voices/seed{seed}/speech1-fold{number}").metrics["test"] for seed in (1, 2)]
        assert row["runs"] == [str(out / f"voices/seed{seed}/speech1-fold{number}") for seed in (1, 2)]
        for measure in ("weighted_f1", "arousal_auc", "valence_auc", "ece"):
            expected = np.mean([report[measure] for report in reports])
            assert row["test"][measure]["mean"] == pytest.approx(expected)
        alarms = np.mean([100 - report["ordinary"]["shares"]["neutral"] for report in reports])
        assert row["test"]["false_alarms"]["mean"] == pytest.approx(alarms)
        right = sum(report["confusion"][3][3] for report in reports)
        said = sum(sum(report["confusion"][3]) for report in reports)
        assert row["recall"]["anger"] == pytest.approx(100 * right / said)
    means = [row["test"]["weighted_f1"]["mean"] for row in summary["rows"]]
    assert means[2] == pytest.approx(np.mean(means[:2]))
    assert "savee" in (out / "transfer-voices.svg").read_text()
    assert "test arousal AUC" in capsys.readouterr().out


def test_it_is_for_voices(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="transfer is for voices, not tess"):
        ablate("--corpus", "tess", "--data", tmp_path, "--out", tmp_path)
