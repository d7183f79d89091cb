"""The samples are what their truth says, and their scripts still make them."""

import json
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.recognition import ROOT, SAMPLES, read_audio

RATE = 16_000
EMOTIONS = {"anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise"}


@pytest.fixture(scope="module")
def truth() -> dict[str, Any]:
    content: dict[str, Any] = json.loads((SAMPLES / "conversation.json").read_text(encoding="utf-8"))
    return content


def test_it_is_short_small_and_of_all_moods(truth: dict[str, Any]) -> None:
    turns = truth["turns"]
    assert 40 <= truth["duration_s"] <= 58
    assert 10 <= len(turns) <= 14
    assert {turn["emotion"] for turn in turns} == EMOTIONS
    assert len({turn["speaker"] for turn in turns}) == 2
    assert (SAMPLES / "conversation.flac").stat().st_size < 1_500_000
    pauses = [after["start_s"] - before["end_s"] for before, after in pairwise(turns)]
    assert all(0.69 <= pause <= 1.21 for pause in pauses)


def test_speech_is_where_the_truth_says_and_nowhere_else(truth: dict[str, Any]) -> None:
    audio = read_audio(SAMPLES / "conversation.flac").astype(np.float64)
    assert len(audio) == round(truth["duration_s"] * RATE)
    assert np.abs(audio).max() < 32767
    outside = np.ones(len(audio), dtype=bool)
    for turn in truth["turns"]:
        start, end = round(turn["start_s"] * RATE), round(turn["end_s"] * RATE)
        outside[start:end] = False
        speech = audio[start:end]
        assert np.sqrt(np.mean(speech**2)) > 1000
        frames = np.sqrt(np.mean(speech[: len(speech) // 160 * 160].reshape(-1, 160) ** 2, axis=1))
        assert frames[0] > 35
        assert frames[-1] > 35
        longest_pause = max(len(run) for run in "".join("#" if f > 60 else " " for f in frames).split("#"))
        assert longest_pause <= 35
    floor = np.sqrt(np.mean(audio[outside] ** 2))
    assert 5 < floor < 40


def test_in_the_dialogue_two_people_do_not_wait_for_each_other() -> None:
    truth = json.loads((SAMPLES / "dialogue.json").read_text(encoding="utf-8"))
    assert (SAMPLES / "dialogue.flac").stat().st_size < 300_000
    audio = read_audio(SAMPLES / "dialogue.flac").astype(np.float64)
    assert len(audio) == round(truth["duration_s"] * RATE)
    assert np.abs(audio).max() < 32767
    turns = truth["turns"]
    assert all(after["speaker"] != before["speaker"] for before, after in pairwise(turns))
    assert {turn["speaker"] for turn in turns} == {"Anna", "Ben"}
    assert {turn["emotion"] for turn in turns} >= {"anger", "joy", "neutral", "sadness", "surprise"}
    pauses = [after["start_s"] - before["end_s"] for before, after in pairwise(turns)]
    assert sum(0 <= pause < 0.05 for pause in pauses) >= 3  # at once
    assert sum(pause < 0 for pause in pauses) == 2  # one begins before the other ends
    outside = np.ones(len(audio), dtype=bool)
    for turn in turns:
        start, end = round(turn["start_s"] * RATE), round(turn["end_s"] * RATE)
        outside[start:end] = False
        assert np.sqrt(np.mean(audio[start:end] ** 2)) > 600
    assert np.sqrt(np.mean(audio[outside] ** 2)) < 5


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed")
@pytest.mark.parametrize("name", ["conversation", "dialogue"])
def test_the_script_makes_it_sample_by_sample(name: str, tmp_path: Path) -> None:
    version = subprocess.run(["flite", "--version"], capture_output=True, text=True, check=False).stdout
    if "flite-2.2" not in version:
        pytest.skip("another flite speaks a little differently")
    script = ROOT / "samples" / f"make_{name}.py"
    subprocess.run([sys.executable, str(script), str(tmp_path)], check=True, capture_output=True)
    made, kept = (read_audio(folder / f"{name}.flac") for folder in (tmp_path, SAMPLES))
    assert np.array_equal(made, kept)
    assert (tmp_path / f"{name}.json").read_text() == (SAMPLES / f"{name}.json").read_text()
