from pathlib import Path

import numpy as np
import pytest
from streamer.transcribers.faster_whisper import cached_model

from benchmarks.tiny_whisper import make_tiny_whisper
from streamer.errors import InputError
from streamer.transcribers.choose import embedded, load_transcriber


def test_pocketsphinx_and_none_as_asked(said: list[str]) -> None:
    assert load_transcriber("pocketsphinx").name == "pocketsphinx"
    off = load_transcriber("none")
    assert off.name == "none"
    assert off.transcribe(np.full(16_000, 99, np.int16)).text == ""
    assert said == []


def test_a_folder_as_asked(tmp_path: Path, said: list[str]) -> None:
    folder = make_tiny_whisper(tmp_path / "mine", "Yes.")
    assert load_transcriber(f"faster-whisper:{folder}").name == "faster-whisper:mine"
    assert said == []


@pytest.mark.parametrize("spec", ["", "whisper", "faster-whisper:", "pocketsphinx:big", "Auto", "none "])
def test_anything_else_is_refused_in_one_line(spec: str, said: list[str]) -> None:
    with pytest.raises(InputError, match="auto, faster-whisper") as caught:
        load_transcriber(spec)
    assert "\n" not in str(caught.value)
    assert said == []


def test_what_is_embedded_depends_on_the_language(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    if cached_model("base.en") is not None or cached_model("base") is not None:
        pytest.skip("the hub's cache was not moved away")
    assert embedded().name == embedded("en-GB").name == "pocketsphinx"
    assert embedded("de").name == "none"


def test_auto_without_weights_says_once_that_pocketsphinx_stands_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("streamer.transcribers.faster_whisper.hub_answers", lambda: pytest.fail("asked"))
    if cached_model("base.en") is not None:
        pytest.skip("the hub's cache was not moved away")
    assert load_transcriber("auto").name == "pocketsphinx"
    assert len(said) == 1
    assert "faster-whisper:base.en" in said[0]
    assert "\n" not in said[0]
