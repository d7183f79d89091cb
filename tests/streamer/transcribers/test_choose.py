from pathlib import Path

import numpy as np
import pytest

from benchmarks.tiny_whisper import make_tiny_whisper
from models.whisper.find_model import cached_model
from models.whisper.packaged_weights import PACKAGED_MODELS
from streamer.errors import InputError
from streamer.transcribers.choose import embedded, load_transcriber


def test_none_as_asked(said: list[str]) -> None:
    off = load_transcriber("none")
    assert off.name == "none"
    assert off.transcribe(np.full(16_000, 99, np.int16)).text == ""
    assert said == []


def test_a_folder_as_asked(tmp_path: Path, said: list[str]) -> None:
    folder = make_tiny_whisper(tmp_path / "mine", "Yes.")
    assert load_transcriber(f"faster-whisper:{folder}").name == "faster-whisper:mine"
    assert said == []


@pytest.mark.parametrize("spec", ["", "whisper", "faster-whisper:", "pocketsphinx:", "Auto", "none "])
def test_anything_else_is_refused_in_one_line(spec: str, said: list[str]) -> None:
    with pytest.raises(InputError, match="auto, faster-whisper") as caught:
        load_transcriber(spec)
    assert "\n" not in str(caught.value)
    assert said == []


def test_what_was_embedded_before_is_named_still(caplog: pytest.LogCaptureFixture) -> None:
    assert load_transcriber("pocketsphinx").name == "faster-whisper:tiny.en"
    assert caplog.messages == ["pocketsphinx is no longer embedded: faster-whisper:tiny.en takes its place"]


@pytest.mark.slow
def test_what_is_embedded_depends_on_the_language(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    assert embedded().name == embedded("en-GB").name == "faster-whisper:tiny.en"
    assert embedded("de").name == "faster-whisper:base"
    monkeypatch.delitem(PACKAGED_MODELS, "base")
    if cached_model("base") is not None:
        pytest.skip("the hub's cache was not moved away")
    assert embedded("de").name == "none"


@pytest.mark.parametrize("spec", ["auto", "faster-whisper"])
def test_what_names_no_model_never_asks_the_hub(
    spec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("models.whisper.find_model.hub_answers", lambda: pytest.fail("asked"))
    assert load_transcriber(spec).name == "faster-whisper:tiny.en"
    assert said == []
