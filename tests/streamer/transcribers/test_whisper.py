import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.machine import resident_mib
from benchmarks.recognition import ROOT, normalised, sample_sentences
from benchmarks.tiny_whisper import make_tiny_whisper
from models.whisper.decoder import BEAM_SIZE, MARGIN_S, Encoded, Speech
from streamer.errors import InputError
from streamer.transcribers import whisper
from streamer.transcribers.base import RecognitionRequest
from streamer.transcribers.whisper import Whisper


@pytest.fixture(scope="module")
def embedded() -> Whisper:
    return Whisper()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_whisper(tmp_path_factory.mktemp("tiny-hello"), "Hello there, my friend.")


def sound(seconds: float = 2) -> NDArray[np.int16]:
    """Noise whose level varies as that of speech does."""
    noise = np.random.default_rng(0).normal(0, 3000, round(seconds * 16_000))
    return (noise * (0.01 + np.sin(np.arange(len(noise)) / 2000) ** 2)).astype(np.int16)


def an_open(turn: NDArray[np.int16]) -> RecognitionRequest:
    return RecognitionRequest(turn, is_open=True)


def test_words_come_out_as_the_model_says_them(tiny: Path) -> None:
    recogniser = Whisper(str(tiny), cpu_threads=1)
    assert recogniser.name == f"faster-whisper:{tiny.name}"
    transcript = recogniser.transcribe(sound())
    assert (transcript.text, transcript.language) == ("Hello there, my friend.", "en")
    assert transcript.confidence is not None
    assert 0.9 < transcript.confidence <= 1
    assert recogniser.transcribe(sound()) == transcript


def test_words_of_an_open_turn(tiny: Path) -> None:
    recogniser = Whisper(str(tiny), cpu_threads=1)
    long, short = recogniser.transcribe_together([an_open(sound(1)), an_open(sound(0.1))])
    assert long == recogniser.transcribe(sound(1))
    assert short.text == ""


def test_an_open_turn_is_decoded_once(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recogniser = Whisper(str(tiny), cpu_threads=1)
    done: list[Any] = []
    encode, decode = recogniser._decoder.encode, recogniser._decoder.decode

    def watched_encode(turns: Sequence[Speech], margin_s: float = MARGIN_S) -> Encoded:
        done.append(f"margin of {margin_s:.0f} s")
        return encode(turns, margin_s)

    def watched_decode(heard: Encoded, beam_size: int = BEAM_SIZE) -> Any:
        done.append(beam_size)
        return [replace(said, is_doubtful=True) for said in decode(heard, beam_size)]

    monkeypatch.setattr(recogniser._decoder, "encode", watched_encode)
    monkeypatch.setattr(recogniser._decoder, "decode", watched_decode)
    [said] = recogniser.transcribe_together([an_open(sound())])
    assert (said.text, done) == ("", ["margin of 4 s", 1])
    recogniser.transcribe(sound())
    assert done[2:] == ["margin of 4 s", 5, 1, "margin of 10 s", 5, "margin of 30 s", 5]
    assert recogniser.decoded_again == 1


@pytest.mark.slow
def test_what_the_model_leaves_for_the_next_window_is_decoded_then(
    embedded: Whisper, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (sentence.audio for sentence in sample_sentences()[:2])
    gap = np.zeros(8_000, np.int16)
    at_s = (len(first) + 4_000) / 16_000
    encode, decode = embedded._decoder.encode, embedded._decoder.decode

    def leaving_the_second(heard: Encoded, beam_size: int = BEAM_SIZE) -> Any:
        [turn] = heard.turns
        if len(turn.audio) <= len(gap) + len(second):
            return decode(heard, beam_size)
        [said] = decode(encode([replace(turn, audio=turn.audio[: len(first)])]), beam_size)
        return [replace(said, rest_s=at_s)]

    apart = [embedded.transcribe(turn).text for turn in (first, second)]
    monkeypatch.setattr(embedded._decoder, "decode", leaving_the_second)
    turn = RecognitionRequest(np.concatenate([first, gap, second]), word_times=True)
    [said] = embedded.transcribe_together([turn])
    assert normalised(said.text) == normalised(" ".join(apart))
    number = len(apart[0].split())
    assert said.words[number - 1].end_s <= at_s <= said.words[number].start_s


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="glibc keeps freed memory")
def test_memory_of_long_turns_is_given_back(embedded: Whisper, monkeypatch: pytest.MonkeyPatch) -> None:
    def held_mib(*turns: NDArray[np.int16]) -> float:
        embedded.transcribe_together([RecognitionRequest(turn) for turn in turns])
        return resident_mib()

    monkeypatch.setattr(whisper, "FREE_EVERY_S", 0.0)
    short = sample_sentences()[0].audio
    held_mib(short)
    before = held_mib(short)
    assert held_mib(*[np.resize(short, 20 * 16_000)] * 8) > before + 60
    assert held_mib(short) < before + 45  # what it keeps is kept once


@pytest.mark.slow
def test_turns_are_decoded_together_as_one_by_one(embedded: Whisper) -> None:
    turns = [sentence.audio for sentence in sample_sentences()[:4]]
    nothing = np.zeros(16_000, np.int16)
    together = embedded.transcribe_together([RecognitionRequest(turn) for turn in (*turns, nothing)])
    assert together[-1].text == ""
    for turn, said in zip(turns, together[:-1], strict=True):
        assert normalised(said.text) == normalised(embedded.transcribe(turn).text) != ""
        assert said.text[0].isupper()
        assert said.text[-1] in ".?!"


@pytest.mark.slow
def test_a_turn_longer_than_the_window_is_cut_where_it_is_quiet(embedded: Whisper) -> None:
    sentences = sample_sentences()
    long = np.concatenate([sentence.audio for sentence in sentences])
    assert len(long) > 30 * 16_000
    [said] = embedded.transcribe_together([RecognitionRequest(long, word_times=True)])
    words = normalised(" ".join(sentence.words for sentence in sentences))
    assert jiwer.wer(words, normalised(said.text)) < 0.15
    starts = [word.start_s for word in said.words]
    assert starts == sorted(starts)
    assert len(long) / 16_000 - 2 < said.words[-1].end_s <= len(long) / 16_000


@pytest.mark.slow
def test_times_of_words(embedded: Whisper) -> None:
    first, second = (sentence.audio for sentence in sample_sentences()[:2])
    gap = np.zeros(16_000, np.int16)
    turn = np.concatenate([first, gap, second])
    [said] = embedded.transcribe_together([RecognitionRequest(turn, word_times=True)])
    assert " ".join(word.text for word in said.words) == said.text
    assert all(word.start_s <= word.end_s for word in said.words)
    begins = len(first) / 16_000 + 1
    number = len(embedded.transcribe(first).text.split())
    assert said.words[number - 1].end_s < begins
    assert said.words[number].end_s > begins
    assert embedded.transcribe(turn).words == ()


def test_no_sound_no_words(tiny: Path) -> None:
    recogniser = Whisper(str(tiny), cpu_threads=1)
    assert recogniser.transcribe(sound(0)).text == ""
    assert recogniser.transcribe(np.zeros(16_000, np.int16)).text == ""
    assert recogniser.transcribe(sound(0.01)).text == ""


@pytest.mark.parametrize(
    ("words", "certainty", "nobody_speaks"),
    [
        ("thank you " * 40, 4.0, False),
        ("so what", 0.5, False),
        ("so what", 1.0, True),
        ("...", 4.0, False),
    ],
    ids=["loop", "doubtful", "nobody speaks", "no words"],
)
def test_what_the_model_doubts_is_not_said(
    tmp_path: Path, words: str, certainty: float, nobody_speaks: bool
) -> None:
    folder = make_tiny_whisper(tmp_path / "tiny", words, certainty=certainty, nobody_speaks=nobody_speaks)
    assert Whisper(str(folder), cpu_threads=1).transcribe(sound(10)).text == ""


def test_sure_words_count_more_than_no_speech(tmp_path: Path) -> None:
    folder = make_tiny_whisper(tmp_path / "tiny", "I am here", nobody_speaks=True)
    assert Whisper(str(folder), cpu_threads=1).transcribe(sound()).text == "I am here"


def test_a_folder_that_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no Whisper model.*model\.bin.*ct2-transformers-converter"):
        Whisper(str(tmp_path))


def test_a_damaged_model(tiny: Path, tmp_path: Path) -> None:
    damaged = shutil.copytree(tiny, tmp_path / "damaged")
    (damaged / "model.bin").write_bytes(b"not a model")
    with pytest.raises(InputError, match="damaged cannot be loaded") as caught:
        Whisper(str(damaged))
    assert "\n" not in str(caught.value)


def test_an_unknown_size() -> None:
    with pytest.raises(InputError, match=r"'huge'.*folder.*base\.en") as caught:
        Whisper("huge")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "surroundings",
    [{"HF_HUB_OFFLINE": "1"}, {"HF_ENDPOINT": "http://127.0.0.1:9"}, {"HF_ENDPOINT": "http://192.0.2.1"}],
    ids=["told to stay offline", "refused", "no answer"],
)
def test_without_a_hub_it_fails_fast_and_quietly(surroundings: dict[str, str], tmp_path: Path) -> None:
    program = (
        "import time\n"
        "from streamer.errors import InputError\n"
        "from models.whisper.find_model import hub_answers\n"
        "from streamer.transcribers.whisper import Whisper\n"
        "started = time.perf_counter()\n"
        "try:\n"
        "    Whisper('small.en')\n"
        "except InputError as error:\n"
        "    print(error)\n"
        "started = time.perf_counter()\n"
        "assert not hub_answers()\n"
        "assert time.perf_counter() - started < 2, 'too patient'\n"
    )
    environment = {**os.environ, "HF_HOME": str(tmp_path), **surroundings}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 1
    assert "Whisper model small.en" in done.stdout
