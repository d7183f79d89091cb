"""Tables from runs' own files: which runs stand in which cell, and what is said of the others."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from offline_train.app import app
from offline_train.errors import UsageError
from offline_train.files import write_json
from offline_train.results_page.figures import Point, draw_bars
from offline_train.results_page.gather import gather
from offline_train.results_page.notes import braced
from offline_train.results_page.page import page
from offline_train.runs.run import Run

REPOSITORY = Path(__file__).parents[3]


def judged(right: int, of: int = 100) -> dict[str, Any]:
    """As `classification` reports it, of two emotions that are equally often taken for each other."""
    assert right % 2 == 0
    half, wrong = right // 2, (of - right) // 2
    return {"weighted_f1": float(right), "confusion": [[half, wrong], [wrong, half]]}


def write_run(
    folder: Path,
    *,
    seed: int,
    scores: tuple[int, int],
    parents: Mapping[str, Path | Sequence[Path] | None] | None = None,
    first: int | None = None,
    corpus: str | None = "iemocap",
    kind: str = "text",
    command: str | None = None,
    **more: Any,
) -> Path:
    """A finished run in the real format, with scores on validation and test."""
    settings = {"fit": {"seed": seed, "epochs": 50}, **more.pop("settings", {})}
    stored: dict[str, Any] = {key: more.pop(key) for key in ("clips", "annotations", "audio") if key in more}
    source = {"corpus": corpus, "data": "data", "features": None, "fold": None, "transcripts": None, **more}
    run = Run.open(
        folder,
        {"settings": settings, "parents": parents or {}, "corpus": source, **stored},
        command or f"merits-train stage --seed {seed} --out {folder}",
    )
    configs = {"text": {"text": {}}, "speech": {"features": 3, "speech": {}}, "fused": {"conversation": {}}}
    config = {"context": {}, "modality": kind} if parents and "stage1" in parents else configs[kind]
    write_json(run.folder / "config.json", config)
    parts = {split: judged(score) for split, score in zip(("validation", "test"), scores, strict=True)}
    metrics: dict[str, Any] = (
        {name: {"with_sound": each} for name, each in parts.items()} if kind == "fused" else parts
    )
    if first is not None:
        metrics["first_emission"] = {split: judged(first) for split in parts}
    write_json(run.folder / "metrics.json", metrics)
    return folder


def cells(text: str, start: str) -> list[str]:
    """Of the first row that starts so, without commands."""
    line = next(line for line in text.splitlines() if line.startswith(f"| {start}"))
    return [re.sub(r"\s*<sup>.*?</sup>", "", cell).strip() for cell in line.strip("| ").split(" | ")]


def section(text: str, title: str) -> str:
    return text.split(f"## {title}", 1)[1].split("\n## ", 1)[0]


@pytest.fixture
def hierarchy(tmp_path: Path) -> Path:
    """Three seeds of every stage, trained jointly, too, and without prefixes."""
    root = tmp_path / "runs"
    for seed in (1, 2, 3):
        at = root / f"iemocap/seed{seed}"
        text1 = write_run(at / "text1", seed=seed, scores=(60, 60 + 2 * seed))
        speech1 = write_run(at / "speech1", seed=seed, scores=(50, 50), kind="speech")
        both = {}
        for variant, prefix, first in (("", 0.5, 70), ("-no-prefix", 0.0, 60)):
            chosen = {"scarcity": {"prefix": prefix}}
            text2 = write_run(at / f"text2{variant}", seed=seed, scores=(72, 70 + 4 * seed), first=first,
                              parents={"stage1": text1}, settings=chosen)  # fmt: skip
            both[variant] = {
                "text": text2,
                "speech": write_run(
                    at / f"speech2{variant}", seed=seed, scores=(58, 58), first=50, kind="speech",
                    parents={"stage1": speech1}, settings=chosen,
                ),
            }  # fmt: skip
        write_run(at / "fused", seed=seed, scores=(80, 80), first=78, kind="fused", parents=both[""])
        write_run(at / "joint", seed=seed, scores=(90, 76), first=70, kind="fused", parents=both[""],
                  settings={"joint": True})  # fmt: skip
    return root


def test_table_1_holds_means_over_seeds_and_says_how_to_fill_the_rest(hierarchy: Path) -> None:
    text = page(gather(hierarchy).results)
    assert cells(text, "IEMOCAP (4-way), ours")[1:] == [
        "50.00 ± 0.00 (3)", "58.00 ± 0.00 (3)", "64.00 ± 2.00 (3)", "78.00 ± 4.00 (3)", "80.00 ± 0.00 (3)",
    ]  # fmt: skip
    assert cells(text, "IEMOCAP (4-way), paper")[1:] == ["66.93", "77.95", "69.84", "83.85", "86.48"]
    assert cells(text, "MELD, ours")[1:] == ["—"] * 5
    missing = next(line for line in text.splitlines() if line.startswith("| MELD, ours"))
    number = re.findall(r"\[(\d+)\]", missing)[0]
    filling = next(line for line in text.splitlines() if line.startswith(f"{number}. "))
    assert "`merits-train stage1 speech --corpus meld --data MELD.Raw" in filling
    assert "--seed {1,2,3} --out runs/meld/seed{1,2,3}/speech1`" in filling


def test_differences_are_taken_run_by_run(hierarchy: Path) -> None:
    text = page(gather(hierarchy).results)
    stages = section(text, "Stage against stage")
    assert cells(stages, "IEMOCAP (4-way): text II against text I")[1:3] == [
        "+14.00 ± 2.00 (3)", "+12.00, +14.00, +16.00",
    ]  # fmt: skip
    # Text II is the better modality by its validation.
    assert cells(stages, "IEMOCAP (4-way): fused III against text II")[1] == "+2.00 ± 4.00 (3)"
    joint = cells(section(text, "Figure 4"), "IEMOCAP (4-way)")
    assert joint[1:4] == ["80.00 ± 0.00 (3)", "76.00 ± 0.00 (3)", "+4.00 ± 0.00 (3)"]


def test_prefix_training_beside_none(hierarchy: Path) -> None:
    text = section(page(gather(hierarchy).results), "Streaming gap")
    assert cells(text, "IEMOCAP (4-way): text II, with")[1:4] == [
        "78.00 ± 4.00 (3)", "70.00 ± 0.00 (3)", "8.00 ± 4.00 (3)",
    ]  # fmt: skip
    assert cells(text, "IEMOCAP (4-way): text II, without")[2] == "60.00 ± 0.00 (3)"


def test_the_recipe_is_chosen_on_validation_among_those_with_seeds_enough(hierarchy: Path) -> None:
    for seed in (1, 2, 3):
        where = hierarchy / f"iemocap/seed{seed}"
        write_run(where / "text1-worse", seed=seed, scores=(58, 96), settings={"batch": 8})
    write_run(hierarchy / "lucky", seed=1, scores=(98, 98), settings={"batch": 16})
    text = page(gather(hierarchy).results)
    assert cells(text, "IEMOCAP (4-way), ours")[3] == "64.00 ± 2.00 (3)"
    appendix = section(text, "Appendix")
    assert "batch 8" in appendix
    assert "96.00 ± 0.00 (3)" in appendix
    for seed in (2, 3):
        write_run(hierarchy / f"lucky{seed}", seed=seed, scores=(98, 98), settings={"batch": 16})
    assert cells(page(gather(hierarchy).results), "IEMOCAP (4-way), ours")[3] == "98.00 ± 0.00 (3)"


def test_paired_sound_and_features_that_heard_words_are_kept_apart(tmp_path: Path) -> None:
    clips = write_run(tmp_path / "clips", seed=1, scores=(70, 70), corpus="ravdess", kind="speech")
    paired = write_run(tmp_path / "speech2", seed=1, scores=(90, 90), corpus="meld", kind="speech",
                       parents={"stage1": clips}, clips="ravdess")  # fmt: skip
    words = write_run(tmp_path / "text1", seed=1, scores=(60, 60), corpus="meld")
    text2 = write_run(tmp_path / "text2", seed=1, scores=(60, 60), corpus="meld", parents={"stage1": words})
    write_run(tmp_path / "fused", seed=1, scores=(94, 94), corpus="meld", kind="fused", clips="ravdess",
              parents={"text": text2, "speech": paired})  # fmt: skip
    write_run(tmp_path / "logits", seed=1, scores=(94, 94), kind="speech", features="bigru_att")
    write_run(
        tmp_path / "both", seed=1, scores=(94, 94), corpus="mosi", kind="speech", features="audio73+text100"
    )
    text = page(gather(tmp_path).results)
    assert cells(text, "MELD, ours")[1:] == ["—", "—", "60.00 (1)", "60.00 (1)", "—"]
    assert cells(text, "IEMOCAP (4-way), ours")[1] == "—"
    assert cells(text, "CMU-MOSI, ours")[1] == "—"
    assert "94.00 (1)" in section(text, "MELD's words with RAVDESS' sound")


def test_folds_are_pooled_over_all_utterances(tmp_path: Path) -> None:
    for fold, right in zip(range(1, 6), (90, 60, 70, 80, 100), strict=True):
        write_run(
            tmp_path / f"fold{fold}",
            seed=1,
            scores=(50, right),
            kind="speech",
            features="bigru_att",
            fold=fold,
        )
    text = section(page(gather(tmp_path).results), "Accuracy")
    assert cells(text, "IEMOCAP (4-way), leave one session out")[1:] == [
        "80.00 (1)",
        "80.00 (1)",
        "68.07 (intra-CRF)",
    ]
    (tmp_path / "fold5/metrics.json").unlink()
    assert "80.00 (1)" not in page(gather(tmp_path).results)


def test_evaluations_give_look_ahead_windows_and_calibration(hierarchy: Path) -> None:
    for seed in (1, 2):
        write_json(
            hierarchy / f"iemocap/seed{seed}/text2/evaluate-test.json",
            {
                "command": f"merits-train evaluate --run runs/iemocap/seed{seed}/text2",
                "corpus": "iemocap", "split": "test", "run": f"runs/iemocap/seed{seed}/text2",
                "bundle_offline": judged(78), "look_ahead": {"0": 70 + seed, "1": 72, "2": 73, "4": 74},
                "windows": {size: {"first_emission": 71.5, "final": 77.5} for size in ("4", "8", "16", "32")},
                "calibration": {"ece": 5.0, "ece_calibrated": 2.0, "temperature": 1.5, "bins": []},
            },
        )  # fmt: skip
    text = page(gather(hierarchy).results)
    name = "IEMOCAP (4-way): text II"
    assert cells(section(text, "Look-ahead"), name)[1:6] == [
        "71.50 ± 0.71 (2)", "72.00 ± 0.00 (2)", "73.00 ± 0.00 (2)", "74.00 ± 0.00 (2)", "78.00 ± 0.00 (2)",
    ]  # fmt: skip
    assert cells(section(text, "Window"), name)[1] == "71.50 / 77.50"
    assert cells(section(text, "Calibration"), name)[1:4] == [
        "5.00 ± 0.00 (2)", "2.00 ± 0.00 (2)", "1.50 ± 0.00 (2)",
    ]  # fmt: skip


def test_what_is_gone_stays_and_what_is_there_is_new(hierarchy: Path, tmp_path: Path) -> None:
    stored = gather(hierarchy).results
    assert gather(hierarchy, stored).results == stored
    elsewhere = tmp_path / "other"
    before = elsewhere / "iemocap/seed4/text1"
    write_run(before, seed=4, scores=(60, 68))
    merged = gather(elsewhere, stored).results
    assert merged["runs"].keys() - stored["runs"].keys() == {"iemocap/seed4/text1"}
    assert cells(page(merged), "IEMOCAP (4-way), ours")[3] == "65.00 ± 2.58 (4)"
    again = write_run(elsewhere / "iemocap/seed1/text1", seed=1, scores=(60, 80))
    assert (
        gather(elsewhere, stored).results["runs"]["iemocap/seed1/text1"]["scores"]["test"]["weighted_f1"]
        == 80
    )
    assert again.exists()


def test_what_runs_were_pretrained_on_tells_recipes_apart(tmp_path: Path) -> None:
    people = write_run(
        tmp_path / "people", seed=1, scores=(60, 60), corpus=None, annotations=["data/people.jsonl"]
    )
    care = write_run(tmp_path / "care", seed=1, scores=(60, 60), audio="podcasts", parents={"text": None})
    for seed in (1, 2):
        write_run(tmp_path / f"plain{seed}", seed=seed, scores=(60, 60))
        write_run(tmp_path / f"taught{seed}", seed=seed, scores=(62, 62), parents={"pretrained": people})
        write_run(
            tmp_path / f"heard{seed}", seed=seed, scores=(50, 50), kind="speech", parents={"pretrained": care}
        )
    found = gather(tmp_path).results
    stages = [recipe["stage"] for recipe in found["recipes"].values()]
    assert sorted(stages) == ["pretrain-care", "pretrain-text", "stage1", "stage1", "stage1"]
    text = page(found)
    assert cells(text, "IEMOCAP (4-way), ours")[1:4:2] == ["50.00 ± 0.00 (2)", "62.00 ± 0.00 (2)"]
    assert "on pre-training (epochs 50, labels of people)" in text


def test_teachers_tell_recipes_apart_but_nothing_is_built_on_them(tmp_path: Path) -> None:
    teacher = write_run(tmp_path / "teacher", seed=1, scores=(90, 90))
    below = {"stage1": write_run(tmp_path / "text1", seed=1, scores=(60, 60), settings={"batch": 8})}
    write_run(tmp_path / "plain", seed=1, scores=(62, 62), parents=below)
    student = below | {"teachers": [teacher, teacher]}
    write_run(tmp_path / "student", seed=1, scores=(64, 64), parents=student)
    gathered = gather(tmp_path)
    assert not gathered.left_out
    runs = gathered.results["runs"]
    assert runs["student"]["recipe"] != runs["plain"]["recipe"]
    assert (runs["student"]["parents"], runs["student"]["helpers"]) == (["text1"], ["teacher", "teacher"])
    text = page(gathered.results)
    assert "+4.00" in section(text, "Stage against stage")
    assert "teacher 1 (epochs 50), teacher 2 (epochs 50)" in text


def test_unfinished_and_foreign_runs_are_left_out(tmp_path: Path) -> None:
    write_run(tmp_path / "open", seed=1, scores=(60, 60))
    (tmp_path / "open/metrics.json").unlink()
    (tmp_path / "old").mkdir()
    write_json(tmp_path / "old/settings.json", {"learning_rate": 1})
    write_json(tmp_path / "old/metrics.json", {"test": 1})
    found = gather(tmp_path)
    assert found.results["runs"] == {}
    assert found.left_out == ["old"]


def test_commands_name_no_path_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "repository"
    here.mkdir()
    monkeypatch.chdir(here)
    line = (
        f"merits-train a --data {tmp_path}/shared/meld --out {here}/runs/a --annotations x=/far/away/b.jsonl"
    )
    write_run(here / "runs/a", seed=1, scores=(60, 60), command=line)
    run = gather(here / "runs").results["runs"]["a"]
    assert run["command"] == "merits-train a --data ../shared/meld --out runs/a --annotations x=b.jsonl"


@pytest.mark.parametrize(
    ("commands", "short"),
    [
        (["a --seed 1 --out r/s1/x", "a --seed 2 --out r/s2/x"], ["a --seed {1,2} --out r/s{1,2}/x"]),
        (["a b", "a b"], ["a b"]),
        (["a 'b c'"], ["a 'b c'"]),
        (["a b", "a b c"], ["a b", "a b c"]),
        (["a 1", "a 11"], ["a 1{,1}"]),
    ],
)
def test_commands_of_seeds_are_abbreviated(commands: list[str], short: list[str]) -> None:
    assert braced(commands) == short


def test_figures_are_the_same_each_time(tmp_path: Path) -> None:
    groups = {"IEMOCAP": [Point("hierarchical", 0, 80, 1), Point("joint", 0, 78, None)]}
    for name in ("a.svg", "b.svg"):
        draw_bars(groups, tmp_path / name)
    first = (tmp_path / "a.svg").read_text()
    assert first == (tmp_path / "b.svg").read_text()
    assert ">hierarchical<" in first


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--runs"),
        (["--runs", "nowhere"], "no folder nowhere"),
        (["--from-json"], "there is no"),
        (["--from-json", "--out", "nowhere/results.md"], "cannot write"),
    ],
)
def test_bad_usage(arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").mkdir()
    with pytest.raises(UsageError, match=said):
        app(["tables", *arguments], standalone_mode=False)


def test_the_page_in_the_repository_is_what_its_data_say() -> None:
    content = json.loads((REPOSITORY / "docs/results.json").read_text(encoding="utf-8"))
    text = (REPOSITORY / "docs/results.md").read_text(encoding="utf-8")
    assert text == page(content)
    for figure in re.findall(r"\]\((figures/[^)]*)\)", text):
        assert (REPOSITORY / "docs" / figure).is_file()
    assert not re.search(r"[ =](/work|/root|/tmp|/home)/", text)


def test_annotators_beside_people(tmp_path: Path) -> None:
    """A turn without a label is a miss; an annotator may have labelled none."""
    assert cells(section(page(gather(tmp_path).results), "Section IV-D"), "ours")[3] == "—"
    counted = {
        "truth": "valence",
        "n": 8,
        "accuracy": 75.0,
        "kappa": 0.5,
        "per_class": {"neutral": {"n": 6, "f1": 80.0}, "positive": {"n": 2, "f1": 40.0}},
    }
    report: dict[str, Any] = {"source": "house/test", "texts": 10, "labels": {"neutral": 8}}
    for name, aside, oracle in (("small", 2, counted), ("mute", 10, None)):
        line = f"merits-train annotate llm --serve {name}" + (" --few-shot" if oracle else "")
        row = {"command": line, "annotator": f"llm:{name}", "set_aside": aside, "oracle": oracle}
        write_json(tmp_path / f"{name}.json", report | row)
    found = gather(tmp_path).results
    text = section(page(found), "Section IV-D")
    assert cells(text, "house/test: llm:small")[:-1] == [
        "house/test: llm:small, three examples", "10", "2", "60.00", "75.00", "60.00", "0.500",
    ]  # fmt: skip
    assert cells(text, "house/test: llm:mute")[1:4] == ["10", "10", "0.00"]
    assert cells(text, "paper: GPT-3.5 Turbo")[3] == "52.98"
    (tmp_path / "small.json").unlink()
    assert gather(tmp_path, found).results == found
