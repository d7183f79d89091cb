import subprocess
import sys

import jiwer
import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.recognition import (
    AUDIO,
    ROOT,
    Sentence,
    noisy,
    read_audio,
    sample_sentences,
    shared_sentences,
)
from streamer.transcribers.pocketsphinx import PocketSphinx

RATE = 16_000
needs_shared = pytest.mark.skipif(not AUDIO.is_dir(), reason="../shared is absent")


@pytest.fixture(scope="module")
def recogniser() -> PocketSphinx:
    return PocketSphinx()


@pytest.fixture(scope="module")
def sample() -> list[Sentence]:
    return sample_sentences()


def test_words_of_the_sample(recogniser: PocketSphinx, sample: list[Sentence]) -> None:
    said = sample[2:6]
    heard = [recogniser.transcribe(turn.audio).text for turn in said]
    assert jiwer.wer([turn.words for turn in said], heard) < 0.25
    assert all(text == text.lower() for text in heard)
    assert not set("".join(heard)) & set("<>[]+()")


def test_a_turn_does_not_depend_on_those_before(recogniser: PocketSphinx, sample: list[Sentence]) -> None:
    turn, other = sample[0].audio, (sample[5].audio // 3).astype(np.int16)
    fresh = PocketSphinx().transcribe(turn)
    first = recogniser.transcribe(turn)
    again = recogniser.transcribe(turn)
    recogniser.transcribe(other)
    assert fresh == first == again == recogniser.transcribe(turn)


def test_quiet_and_offset_speech_keeps_its_words(recogniser: PocketSphinx, sample: list[Sentence]) -> None:
    turn = sample[5]
    quiet = (turn.audio // 30).astype(np.int16)
    offset = (turn.audio.astype(np.int32) // 2 + 9000).clip(-32768, 32767).astype(np.int16)
    for audio in (quiet, offset):
        assert jiwer.wer(turn.words, recogniser.transcribe(audio).text) < 0.4


def _sounds_without_words() -> dict[str, NDArray[np.float64]]:
    rng = np.random.default_rng(0)
    t = np.arange(2 * RATE) / RATE
    clicks = np.zeros(2 * RATE)
    clicks[rng.integers(0, 2 * RATE, 12)] = 9000
    return {
        "nothing": np.zeros(0),
        "a moment": rng.normal(0, 1000, 100),
        "silence": np.zeros(2 * RATE),
        "constant": np.full(2 * RATE, 500.0),
        "hiss": rng.normal(0, 2000, 2 * RATE),
        "faint hiss": rng.normal(0, 5, 2 * RATE),
        "swelling hiss": rng.normal(0, 2000, 2 * RATE) * (1 + np.sin(2 * np.pi * 4 * t)),
        "hum": 5000 * np.sin(2 * np.pi * 50 * t) + 2000 * np.sin(2 * np.pi * 150 * t),
        "tone": 8000 * np.sin(2 * np.pi * 440 * t),
        "beeps": 8000 * np.sin(2 * np.pi * 800 * t) * (t * 4 % 1 < 0.4),
        "sweep": 6000 * np.sin(2 * np.pi * (100 * t + 600 * t**2)),
        "clicks": clicks,
        "square wave, clipped": 32767 * np.sign(np.sin(2 * np.pi * 100 * t)),
    }


@pytest.mark.parametrize("sound", _sounds_without_words())
def test_no_words_are_invented(recogniser: PocketSphinx, sound: str) -> None:
    audio = np.round(_sounds_without_words()[sound]).astype(np.int16)
    assert recogniser.transcribe(audio).text == ""


@needs_shared
@pytest.mark.parametrize("start_s", [0, 6, 7.5, 15.3, 21, 26.3, 31])
def test_no_words_in_the_noise_recording(recogniser: PocketSphinx, start_s: float) -> None:
    noise = read_audio(AUDIO / "speechbrain/noise/noise1.wav")
    for length_s in (1.2, 3):
        start = round(start_s * RATE)
        assert recogniser.transcribe(noise[start : start + round(length_s * RATE)]).text == ""


@needs_shared
@pytest.mark.parametrize("number", [1, 2, 3])
def test_no_words_in_room_responses(recogniser: PocketSphinx, number: int) -> None:
    assert recogniser.transcribe(read_audio(AUDIO / f"speechbrain/RIRs/rir{number}.wav")).text == ""


@needs_shared
def test_real_sentences_have_words_also_in_noise(recogniser: PocketSphinx) -> None:
    clean = [s for s in shared_sentences() if "snt5" in s.file or "snt6" in s.file]
    assert jiwer.wer([s.words for s in clean], [recogniser.transcribe(s.audio).text for s in clean]) < 0.4
    assert all(len(recogniser.transcribe(s.audio).text.split()) >= 3 for s in noisy(clean))


def test_nothing_is_printed() -> None:
    program = (
        "import numpy as np\n"
        "from streamer.transcribers.pocketsphinx import PocketSphinx\n"
        "recogniser = PocketSphinx()\n"
        "for n in (0, 100, 16000):\n"
        "    recogniser.transcribe((np.random.default_rng(0).normal(0, 1, n) * np.linspace(0, 9000, n))"
        ".astype(np.int16))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=True)
    assert done.stdout == b""
    assert done.stderr == b""
