"""Experiments by the command line, on miniatures: their runs are ordinary ones, and their sums are right."""

import json
import shlex
import statistics
from pathlib import Path
from typing import Any

import pytest

from offline_train.annotation.records import Annotation
from offline_train.app import app
from offline_train.errors import RunFolderError, UsageError
from offline_train.runs.run import Run
from tests.offline_train.ablations.miniature import QUICK, write_iemocap, write_mosi
from tests.tiny import make_base

pytestmark = pytest.mark.slow


class Place:
    """A miniature corpus, a tiny base encoder and a folder of runs."""

    def __init__(self, root: Path) -> None:
        self.mosi = write_mosi(root / "mosi")
        self.base = make_base(root / "base")
        self.out = root / "runs"

    def ablate(self, experiment: str, *more: object, seeds: str = "1,2") -> dict[str, Any]:
        line = ["ablate", experiment, "--corpus", "mosi", "--data", self.mosi, "--out", self.out]
        train(*line, "--base", self.base, "--seeds", seeds, *QUICK, *more)
        return dict(json.loads((self.out / f"{experiment}-mosi.json").read_text()))


def train(*arguments: object) -> None:
    app([str(argument) for argument in arguments], standalone_mode=False)


def row(summary: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in summary["rows"] if each["name"] == name)


def times(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("metrics.json")}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("ablate"))


@pytest.fixture(scope="module")
def staged(place: Place) -> dict[str, Any]:
    return place.ablate("stages")


def test_stages_are_ordinary_runs_with_true_commands(place: Place, staged: dict[str, Any]) -> None:
    assert [each["name"] for each in staged["rows"]] == [
        "text I", "text II", "audio I", "audio II", "fused III",
    ]  # fmt: skip
    for each in staged["rows"]:
        for folder, command in zip(each["runs"], each["commands"], strict=True):
            run = Run(Path(folder))
            assert run.command == command
    run = Run(place.out / "mosi/seed2/text2")
    assert run.settings["settings"]["fit"]["seed"] == 2
    assert run.settings["settings"]["hidden"] == 8
    before = times(place.out)
    train(*shlex.split(run.command)[1:])  # what is stored can be typed: it finds its own run
    assert times(place.out) == before


def test_teachers_go_to_the_stage_they_are_of(place: Place, staged: dict[str, Any]) -> None:
    first, second, speech = (place.out / f"mosi/seed1/{name}" for name in ("text1", "text2", "speech1"))
    line = ["ablate", "stages", "--corpus", "mosi", "--data", place.mosi, "--base", place.base, *QUICK]
    line += ["--out", place.out / "taught", "--seeds", "2"]
    train(*line, "--teacher", first, "--teacher", second)
    for stage, teacher in (("text1", first), ("text2", second)):
        assert Run(place.out / f"taught/mosi/seed2/{stage}").settings["parents"]["teachers"] == [str(teacher)]
    with pytest.raises(UsageError, match="no run of `stage1 text` or `stage2 text`"):
        train(*line, "--teacher", speech)


def test_means_spreads_and_differences_are_those_of_the_runs(place: Place, staged: dict[str, Any]) -> None:
    by_seed = {
        name: [Run(place.out / f"mosi/seed{seed}/{name}").metrics["test"] for seed in (1, 2)]
        for name in ("text1", "text2", "fused")
    }
    text2 = [each["weighted_f1"] for each in by_seed["text2"]]
    found = row(staged, "text II")["test"]["weighted_f1"]
    assert found["mean"] == pytest.approx(statistics.mean(text2))
    assert found["std"] == pytest.approx(statistics.stdev(text2))
    gains = [
        two["weighted_f1"] - one["weighted_f1"]
        for one, two in zip(by_seed["text1"], by_seed["text2"], strict=True)
    ]
    against_stage1, _, fusion = staged["differences"]
    assert against_stage1["mean"] == pytest.approx(statistics.mean(gains))
    assert list(against_stage1["per_seed"].values()) == pytest.approx(gains)
    fused = [each["with_sound"]["weighted_f1"] for each in by_seed["fused"]]
    assert row(staged, "fused III")["test"]["weighted_f1"]["mean"] == pytest.approx(statistics.mean(fused))
    validated = {
        name: row(staged, name)["validation"]["weighted_f1"]["mean"] for name in ("text II", "audio II")
    }
    assert fusion["against"] == max(validated, key=lambda name: validated[name])


def test_other_experiments_find_the_runs_again(
    place: Place, staged: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    before = times(place.out)
    joint = place.ablate("joint")
    after = times(place.out)
    assert before.items() <= after.items()
    assert len(after) == len(before) + 2
    assert row(joint, "hierarchical")["runs"] == row(staged, "fused III")["runs"]
    assert Run(place.out / "mosi/seed1/fused-joint").settings["settings"]["joint"] is True
    (difference,) = joint["differences"]
    assert difference["sign"] in "+-0" or difference["sign"] == "mixed"
    captured = capsys.readouterr()
    assert "hierarchical against joint" in captured.out
    assert "run 12 of 12: fused III, seed 2, 1 to make, about" in captured.err
    assert "validation: weighted F1" not in captured.out


def test_prefixes(place: Place, staged: dict[str, Any]) -> None:
    summary = place.ablate("prefix", seeds="1")
    without = Run(place.out / "mosi/seed1/fused-no-prefix")
    assert without.settings["settings"]["scarcity"]["prefix"] == 0
    assert without.settings["parents"]["text"].endswith("seed1/text2-no-prefix")
    gap = row(summary, "fused III, no prefixes")["test"]
    assert gap["streaming_gap"]["mean"] == pytest.approx(
        gap["weighted_f1"]["mean"] - gap["first_emission"]["mean"]
    )
    assert gap["weighted_f1"]["std"] is None


def test_annotators(place: Place, staged: dict[str, Any], tmp_path: Path) -> None:
    files = {}
    for name, annotator, wrong in (("human", "corpus", 0), ("poor", "corpus:agreement=0.75,seed=1", 4)):
        rows = [
            Annotation(
                str(i), ("bad", "good")[i % 2], ("negative", "positive")[(i + (i < wrong)) % 2], annotator
            )
            for i in range(16)
        ]
        files[name] = tmp_path / f"{name}.jsonl"
        files[name].write_text("".join(each.line() for each in rows))
    given = [item for name, path in files.items() for item in ("--annotations", f"{name}={path}")]
    summary = place.ablate(
        "annotators", *given, "--pretrain-set", "fit.epochs=1", "--pretrain-set", "context_turns=0", seeds="1"
    )
    assert row(summary, "human")["agreement"] == 100
    assert row(summary, "poor")["agreement"] == 75
    assert row(summary, "none")["runs"] == row(staged, "text I")["runs"][:1]
    run = Run(place.out / "mosi/seed1/text1-poor")
    assert run.settings["parents"]["pretrained"] == str(place.out / "pretrain-poor")
    assert [each["of"] for each in summary["differences"]] == ["human", "poor"]
    assert (place.out / "annotators-mosi.svg").read_text().count("human") == 1


def test_windows(place: Place, staged: dict[str, Any]) -> None:
    summary = place.ablate(
        "window", "--run", place.out / "mosi/seed1/text2", "--run", place.out / "mosi/seed2/text2"
    )
    stage2 = [Run(place.out / f"mosi/seed{seed}/text2").metrics for seed in (1, 2)]
    whole = row(summary, "text II, offline")["test"]["weighted_f1"]["mean"]
    first = row(summary, "text II, look-ahead 0")["test"]["weighted_f1"]["mean"]
    assert whole == pytest.approx(statistics.mean(each["test"]["weighted_f1"] for each in stage2))
    assert first == pytest.approx(
        statistics.mean(each["first_emission"]["test"]["weighted_f1"] for each in stage2)
    )
    # No dialogue here is longer than 8 turns.
    assert row(summary, "text II, window 8")["test"]["weighted_f1"]["mean"] == pytest.approx(whole)
    assert row(summary, "text II, window 4")["test"].keys() == {"weighted_f1", "first_emission"}
    written = (place.out / "mosi/seed1/text2/evaluate-test.json").stat().st_mtime_ns
    place.ablate("window", "--run", place.out / "mosi/seed1/text2")
    assert (place.out / "mosi/seed1/text2/evaluate-test.json").stat().st_mtime_ns == written
    with pytest.raises(UsageError, match="no run of Stage II or III"):
        place.ablate("window", "--run", place.out / "mosi/seed1/text1")


def test_sessions_pool_their_folds(tmp_path: Path) -> None:
    data, out = write_iemocap(tmp_path / "iemocap"), tmp_path / "runs"
    train("ablate", "sessions", "--corpus", "iemocap", "--data", data, "--out", out, "--seeds", "1", *QUICK)
    summary = json.loads((out / "sessions-iemocap.json").read_text())
    runs = [Run(out / f"iemocap/seed1/speech2-bigru_att-fold{fold}").metrics["test"] for fold in range(1, 6)]
    right = sum(sum(line[i] for i, line in enumerate(each["confusion"])) for each in runs)
    assert sum(each["utterances"] for each in runs) == 60
    assert row(summary, "audio II")["test"]["accuracy"]["mean"] == pytest.approx(100 * right / 60)
    assert summary["published"] == {"intra-CRF, accuracy": 68.07}


def test_tables_of_these_runs(place: Place, staged: dict[str, Any], tmp_path: Path) -> None:
    train("tables", "--runs", place.out, "--out", tmp_path / "results.md")
    text = (tmp_path / "results.md").read_text()
    line = next(line for line in text.splitlines() if line.startswith("| CMU-MOSI, ours"))
    for each, cell in zip(("audio I", "audio II", "text I"), line.split(" | ")[1:], strict=False):
        score = row(staged, each)["test"]["weighted_f1"]
        assert cell.startswith(f"{score['mean']:.2f} ± {score['std']:.2f} (2)")
    assert (tmp_path / "figures/joint.svg").exists()
    assert str(place.out) not in text
    data = json.loads((tmp_path / "results.json").read_text())
    recipe = data["recipes"][data["runs"]["mosi/seed1/text2"]["recipe"]]
    assert recipe["changed"] == {"hidden": 8, "heads": 2, "fit.epochs": 1}
    assert data["runs"]["mosi/seed1/fused"]["parents"] == ["mosi/seed1/text2", "mosi/seed1/speech2"]


@pytest.mark.parametrize(
    ("experiment", "more", "said"),
    [
        ("stages", ["--seeds", "1,x"], "--seeds 1,x"),
        ("stages", ["--seeds", "1,1"], "different"),
        ("stages", ["--annotations", "a=b"], "for the experiment annotators"),
        ("annotators", [], "needs --annotations"),
        ("annotators", ["--annotations", "b"], "expected NAME=FILE"),
        ("annotators", ["--annotations", "a=nowhere.jsonl"], "no annotations in"),
        ("stages", ["--stage2-set", "hidden"], "expected KEY=VALUE"),
        ("stages", ["--stage3-set", "text:width=8"], "only stage1 and stage2"),
        ("stages", ["--stage1-set", "text:no_such=8"], "no_such"),
        ("sessions", [], "not mosi"),
    ],
)
def test_bad_usage_is_said_in_one_line(place: Place, experiment: str, more: list[str], said: str) -> None:
    line = ["ablate", experiment, "--corpus", "mosi", "--data", place.mosi, "--out", place.out / "bad"]
    with pytest.raises(UsageError, match=said):
        train(*line, "--base", place.base, *more)
    assert not list((place.out / "bad").rglob("metrics.json"))


def test_other_settings_for_runs_that_are_there(place: Place, staged: dict[str, Any]) -> None:
    with pytest.raises(RunFolderError, match="choose another --out"):
        place.ablate("stages", "--stage2-set", "hidden=4")
