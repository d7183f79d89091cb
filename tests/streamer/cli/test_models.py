"""`merits models`, and what `merits doctor` says of a recogniser's model."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.tiny_whisper import make_tiny_whisper
from models.whisper.packaged_weights import PACKAGED_MODELS
from streamer.cli.app import app
from streamer.cli.doctor import examine
from streamer.settings.settings import Settings
from streamer.transcribers.speed import real_time_factor
from streamer.transcribers.whisper import Whisper
from tests.streamer.sound import conversation, truth
from tests.tiny import make_bundle


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the model hub."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    (tmp_path / "hub").mkdir()
    return tmp_path / "hub"


def put(cache: Path, repository: str, model: Path) -> None:
    """Cache a model as the hub's client does."""
    folder = cache / f"models--{repository.replace('/', '--')}"
    shutil.copytree(model, folder / "snapshots" / "abc")
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("abc")


def listed(*options: str, code: int = 0, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert app(["models", "--json", *options], standalone_mode=False) == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_what_is_here_is_listed(cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = make_tiny_whisper(tmp_path / "model", "Yes.")
    put(cache, "Systran/faster-whisper-small.en", model)
    put(cache, "somebody/whisper", model)
    put(cache, "somebody/else", tmp_path / "hub" / "models--somebody--whisper" / "refs")
    bundle = make_bundle(tmp_path / "bundle")
    found = listed("--no-speed", "--bundle", str(bundle), capsys=capsys)
    names = {each["name"]: each for each in found["models"]}
    recognisers = [each["name"] for each in found["models"] if each["use"] == "words"]
    assert recognisers == ["tiny.en", "base", "small.en", "somebody/whisper"]
    assert names["tiny.en"]["sha256"] == PACKAGED_MODELS["tiny.en"].files["model.bin"]
    assert names["tiny.en"]["pinned"]
    assert names["tiny.en"]["licence"] == "MIT (OpenAI)"
    assert 7e7 < names["tiny.en"]["bytes"] < 9e7
    assert (names["tiny.en"]["languages"], names["base"]["languages"]) == ("English", "99")
    assert (names["small.en"]["pinned"], names["small.en"]["licence"]) == (False, None)
    assert {"tiny@1", "silero-vad"} < names.keys()
    assert [each["use"] for each in found["models"][-3:]] == ["emotions", "encoder", "activity"]
    assert all(each["real_time_factor"] is None for each in found["models"])
    assert not {"tiny.en", "base", "small.en"} & set(found["more"]["sizes"])
    assert "medium" in found["more"]["sizes"]
    assert (found["faults"], found["more"]["extras"]) == ([], {})


def test_what_was_changed_is_said_beside_what_is_right(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny = PACKAGED_MODELS["tiny.en"]
    other = replace(tiny, files={**tiny.files, "model.bin": "0" * 64})
    monkeypatch.setitem(PACKAGED_MODELS, "tiny.en", other)
    monkeypatch.setitem(PACKAGED_MODELS, "base", replace(PACKAGED_MODELS["base"], folders={"nobodys": "x"}))
    bundle = make_bundle(tmp_path / "bundle")
    (bundle / "model.safetensors").write_bytes(b"changed")
    found = listed("--no-speed", "--bundle", str(bundle), code=1, capsys=capsys)
    assert [each["name"] for each in found["models"]] == ["silero-vad"]
    assert "model.bin is not the file that is pinned" in found["faults"][0]
    assert "model.safetensors does not match its SHA-256" in found["faults"][1]
    assert found["more"]["extras"] == {"multilingual": "base"}


def test_a_line_each_in_80_columns(
    cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert app(["models", "--no-speed"], standalone_mode=False) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:6]] == [
        "use", "words", "words", "emotions", "encoder", "activity",
    ]  # fmt: skip
    assert PACKAGED_MODELS["tiny.en"].files["model.bin"][:12] in lines[1]
    assert max(map(len, lines[:6])) <= 80
    assert any("--asr faster-whisper:NAME" in line for line in lines)


def test_speed_is_that_of_a_turn_of_the_sample(tmp_path: Path) -> None:
    heard: list[np.ndarray[Any, Any]] = []

    class Attentive(Whisper):
        def transcribe(self, audio: np.ndarray[Any, Any], language: str | None = None) -> Any:
            heard.append(audio)
            return super().transcribe(audio, language)

    folder = make_tiny_whisper(tmp_path / "model", "Yes.")
    ticks = iter([1.0, 1.79])
    turn = truth()[1]
    assert real_time_factor(Attentive(str(folder)), ticks.__next__) == pytest.approx(0.25)
    spoken = conversation()[round(turn["start_s"] * 16_000) : round(turn["end_s"] * 16_000)]
    assert len(heard) == 2
    np.testing.assert_array_equal(heard[1], spoken)


@pytest.mark.slow
async def test_doctor_names_size_licence_hash_and_speed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = str(make_bundle(tmp_path / "bundle"))
    assert await examine(Settings(bundle=bundle)) == 0
    said = capsys.readouterr().out
    assert "works  faster-whisper:tiny.en (78 MB, MIT (OpenAI), hash matches, " in said
    assert " s for a second of speech)" in said
    folder = make_tiny_whisper(tmp_path / "mine", "Yes.")
    assert await examine(Settings(bundle=bundle, asr=f"faster-whisper:{folder}")) == 0
    assert re.search(
        r"works  faster-whisper:mine \(\d+ MB, SHA-256 [0-9a-f]{12}, [\d.]+ s for", capsys.readouterr().out
    )
