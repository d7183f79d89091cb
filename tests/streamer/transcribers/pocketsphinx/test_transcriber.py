import gc
import shutil
import subprocess
import sys

import jiwer
import numpy as np
import psutil
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
from streamer.errors import RunError
from streamer.transcribers.base import Listening
from streamer.transcribers.pocketsphinx.process import SphinxProcess, SphinxProcesses
from streamer.transcribers.pocketsphinx.transcriber import PocketSphinx
from streamer.transcribers.pocketsphinx.worker import OVERDUE, REQUEST, Reply

pytestmark = pytest.mark.slow

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


def test_as_loud_as_it_can_be(recogniser: PocketSphinx, sample: list[Sentence]) -> None:
    turn = sample[5]
    loud = np.round(turn.audio * (32767 / np.abs(turn.audio.astype(np.int32)).max())).astype(np.int16)
    loud[0], loud[1] = 32767, -32768
    for text in (recogniser.transcribe(loud).text, listened(recogniser, loud, 1_600)[0]):
        assert jiwer.wer(turn.words, text) < 0.4


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
        "from streamer.transcribers.pocketsphinx.transcriber import PocketSphinx\n"
        "recogniser = PocketSphinx()\n"
        "for n in (0, 100, 16000):\n"
        "    recogniser.transcribe((np.random.default_rng(0).normal(0, 1, n) * np.linspace(0, 9000, n))"
        ".astype(np.int16))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=True)
    assert done.stdout == b""
    assert done.stderr == b""


def listened(
    recogniser: PocketSphinx, audio: NDArray[np.int16], piece: int, before: Listening | None = None
) -> tuple[str, list[str], Listening]:
    """What is heard of a turn in pieces, what it seemed to be on the way, and who listened."""
    listening = recogniser.listen(before)
    assert listening is not None
    so_far = [listening.hear(audio[start : start + piece]) for start in range(0, len(audio), piece)]
    text = listening.finish(audio).text
    listening.close()
    return text, so_far, listening


def test_words_are_heard_as_they_are_spoken(recogniser: PocketSphinx, sample: list[Sentence]) -> None:
    before: Listening | None = None
    heard = []
    for turn in sample[1:4]:
        text, so_far, before = listened(recogniser, turn.audio, 1_600, before)
        heard.append(text)
        assert so_far[0] == ""
        assert 0 < len(so_far[len(so_far) // 2].split()) < len(text.split())
        assert not set("".join(so_far)) & set("<>[]+()")
    assert jiwer.wer([turn.words for turn in sample[1:4]], heard) < 0.3


def test_the_same_sound_gives_the_same_words_in_whatever_pieces(
    recogniser: PocketSphinx, sample: list[Sentence]
) -> None:
    audio = sample[2].audio
    texts = {listened(recogniser, audio, piece)[0] for piece in (137, 4_000, 16_000, 18_000, len(audio))}
    assert len(texts) == 1
    assert texts != {""}


def test_a_turn_goes_on_after_a_pause_that_was_asked_about(
    recogniser: PocketSphinx, sample: list[Sentence]
) -> None:
    first, second = sample[1].audio, sample[2].audio
    listening = recogniser.listen(None)
    assert listening is not None
    listening.hear(first)
    half = listening.finish(first).text
    assert jiwer.wer(sample[1].words, half) < 0.4
    assert listening.finish(first).text == half, "asked again, the same"
    whole = np.concatenate([first, second])
    listening.hear(second)
    assert jiwer.wer(f"{half} {sample[2].words}", listening.finish(whole).text) < 0.3
    assert listening.finish(first).text == half, "what was said after its end is not of the turn"
    listening.close()
    listening.close()


@pytest.mark.parametrize("sound", ["nothing", "silence", "hiss", "hum", "beeps", "clicks"])
def test_no_words_are_invented_listening(recogniser: PocketSphinx, sound: str) -> None:
    audio = np.round(_sounds_without_words()[sound]).astype(np.int16)
    assert listened(recogniser, audio, 1_600)[0] == ""


def test_a_decoder_that_dies_is_said_and_replaced(recogniser: PocketSphinx, sample: list[Sentence]) -> None:
    listening = recogniser.listen(None)
    assert listening is not None
    listening.hear(sample[2].audio)
    assert listening.pid is not None
    psutil.Process(listening.pid).kill()
    with pytest.raises(RunError, match="pocketsphinx"):
        listening.hear(sample[2].audio)
    listening.close()
    assert jiwer.wer(sample[2].words, listened(recogniser, sample[2].audio, 1_600)[0]) < 0.4


def test_a_decoder_that_was_led_through_turns_before_takes_long_pieces(
    recogniser: PocketSphinx, sample: list[Sentence]
) -> None:
    """What it gets to hear when time is short: of the same, pocketsphinx crashes, hangs or loses words."""
    audio = np.concatenate([turn.audio for turn in sample[1:4]])
    words = " ".join(turn.words for turn in sample[1:4])
    for head in (16_000, 17_600, 56_000):
        listening = recogniser.listen(None)
        assert listening is not None
        for start in (0, *range(head, len(audio), 48_000)):
            listening.hear(audio[start : start + 48_000] if start else audio[:head])
        assert jiwer.wer(words, listening.finish(audio).text) < 0.3
        listening.close()


@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGSTOP")
def test_a_decoder_that_hangs_is_given_up_and_the_turn_decoded_by_another(
    sample: list[Sentence], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("streamer.transcribers.pocketsphinx.process._PATIENCE_S", 15.0)
    audio, recogniser = sample[2].audio, PocketSphinx()
    words = recogniser.transcribe(audio)
    monkeypatch.setattr("streamer.transcribers.pocketsphinx.worker._ALLOWANCE_S", 0.0)
    monkeypatch.setattr("streamer.transcribers.pocketsphinx.worker._ALLOWANCE_TIMES", 0)
    process = recogniser._processes.borrow()
    assert process is not None
    recogniser._processes.give_back(process)
    psutil.Process(process.pid).suspend()
    assert recogniser.transcribe(audio) == words
    [said] = [record.message for record in caplog.records]
    assert said == "pocketsphinx failed: it did not answer; the turn is decoded once more"
    assert not process.alive
    recogniser.close()


@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGPROF")
def test_a_decoder_that_goes_round_in_circles_is_ended_and_costs_one_turn_its_words(
    sample: list[Sentence], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    audio, recogniser = sample[2].audio, PocketSphinx()
    words = recogniser.transcribe(audio)

    def circling(process: SphinxProcess, operation: bytes, content: bytes = b"") -> Reply:
        psutil.Process(process.pid).send_signal(OVERDUE)  # as its timer does
        return ask(process, operation, content)

    ask = SphinxProcess.ask
    with monkeypatch.context() as patched:
        patched.setattr(SphinxProcess, "ask", circling)
        assert recogniser.transcribe(audio).text == ""
    assert [record.message for record in caplog.records] == [
        "pocketsphinx failed: it did not answer; the turn is decoded once more",
        "pocketsphinx failed: it did not answer; the turn stays without words",
    ]
    assert recogniser.transcribe(audio) == words
    recogniser.close()


CIRCLES = """
from streamer.transcribers.pocketsphinx import worker as sphinx_worker
sphinx_worker._ALLOWANCE_S = 0.5

def circle(sound):
    while True:
        pass

sphinx_worker.Worker = lambda: type("Worker", (), {"operations": {b"W": circle}})
import sys
sphinx_worker.serve(sys.stdin.buffer, sys.stdout.buffer)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGPROF")
def test_a_request_may_take_so_much_processor_time() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", CIRCLES], input=REQUEST.pack(b"W", 0), check=False, timeout=120
    )
    assert ended.returncode == -OVERDUE


def test_decoders_that_fail_from_the_first_turn_on_end_the_session(
    sample: list[Sentence], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", shutil.which("false"))
    recogniser = PocketSphinx()
    with pytest.raises(RunError, match="its process ended"):
        recogniser.transcribe(sample[2].audio)
    recogniser.close()


def test_a_turn_that_pauses_at_once_goes_on(recogniser: PocketSphinx, sample: list[Sentence]) -> None:
    audio = sample[2].audio
    for head in (300, 1_389, 4_000, 9_000):
        listening = recogniser.listen(None)
        assert listening is not None
        for start, stop in ((0, head), (head, len(audio))):
            listening.hear(audio[start:stop])
            text = listening.finish(audio[:stop]).text
        listening.close()
    assert jiwer.wer(sample[2].words, text) < 0.4


def test_there_are_only_so_many_decoders_and_they_end_with_it(sample: list[Sentence]) -> None:
    processes = SphinxProcesses(limit=2)
    one, other = processes.borrow(), processes.borrow()
    assert one is not None
    assert other is not None
    assert processes.borrow() is None
    third = processes.borrow(at_any_rate=True)
    children = [psutil.Process(each.pid) for each in (one, other, third)]
    for each in (one, other, third):
        processes.give_back(each)
    assert processes.borrow() in (one, other, third)
    del one, other, third, each, processes
    gc.collect()
    assert not any(child.is_running() for child in children)
