import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import distribution
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from streamer.audio.frame import AudioFrame
from streamer.input_conditioner import InputConditioner
from streamer.noise_floor import NoiseFloor
from streamer.silero import Silero
from streamer.turns import TurnDetector, TurnEnded
from streamer.vad import CHUNK_SAMPLES, REPLAY_CHUNKS, GatedSilero, VoiceActivity
from tests.streamer.sound import conversation, truth

RATE = 16_000


def turns(sound: NDArray[np.float64]) -> list[tuple[int, int]]:
    detector = TurnDetector()
    samples = np.clip(np.rint(sound), -32768, 32767).astype(np.int16)
    events = detector.feed(AudioFrame(samples, 0)) + detector.flush()
    return [(event.turn.start, event.turn.end) for event in events if isinstance(event, TurnEnded)]


def noise(kind: str, seconds: int = 10) -> NDArray[np.float64]:
    """Unit-level sound that is no speech."""
    rng = np.random.default_rng(5)
    n = seconds * RATE
    t = np.arange(n) / RATE
    white = rng.standard_normal(n)
    spectrum = np.fft.rfft(white)
    falling = np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(len(spectrum)), 1)), n)
    clicks = np.zeros(n)
    clicks[rng.integers(0, n, 40)] = 10
    chords = sum(
        (np.sin(2 * np.pi * f * 2 ** (np.floor(t) / 12) * t) * np.exp(-3 * (t % 1)) for f in (262, 330, 392)),
        start=np.zeros(n),
    )
    sounds: dict[str, NDArray[np.float64]] = {
        "silence": np.zeros(n),
        "DC": np.ones(n),
        "white": white,
        "pink": falling / falling.std(),
        "sine": np.sin(2 * np.pi * 440 * t),
        "hum": np.sin(2 * np.pi * 50 * t),
        "clicks": clicks,
        "chords": chords,
    }
    return sounds[kind]


@pytest.mark.parametrize("kind", ["silence", "DC", "white", "pink", "sine", "hum", "clicks", "chords"])
@pytest.mark.parametrize("level", [3, 300, 6000])
def test_what_is_no_speech_gives_no_turn(kind: str, level: float) -> None:
    assert turns(noise(kind) * level) == []


@pytest.mark.parametrize("how", ["as it is", "faint", "loud and clipped", "with DC"])
def test_speech_gives_turns_at_any_level(how: str) -> None:
    sound = conversation().astype(np.float64)
    changed = {
        "as it is": sound,
        "faint": sound / 100,
        "loud and clipped": sound * 20,
        "with DC": sound * 0.5 + 8000,
    }[how]
    found = turns(changed)
    for spoken in truth():
        middle = (spoken["start_s"] + spoken["end_s"]) / 2 * RATE
        assert any(start <= middle < end for start, end in found)


def feed(activity: VoiceActivity, chunk: NDArray[np.int16], *, keep_open: bool) -> list[float]:
    activity.take_in(chunk[None])
    return activity.judge(keep_open)


def test_the_gate_shuts_in_silence_and_what_opens_it_is_judged_from_its_beginning() -> None:
    first = truth()[0]
    speech = conversation()[int(first["start_s"] * RATE) : int(first["end_s"] * RATE)]
    silence = np.zeros(100 * CHUNK_SAMPLES, np.int16)
    sound = np.concatenate([silence, speech])
    gate, judged_late = GatedSilero(), 0
    probabilities: list[float] = []
    for fed, at in enumerate(range(0, len(sound) - CHUNK_SAMPLES, CHUNK_SAMPLES), start=1):
        got = feed(gate, sound[at : at + CHUNK_SAMPLES], keep_open=False)
        probabilities += got
        assert fed - len(probabilities) <= REPLAY_CHUNKS
        judged_late = max(judged_late, len(got))
    assert judged_late == REPLAY_CHUNKS + 1  # the gate had been shut, and opened
    assert not any(probabilities[:99])
    assert max(probabilities[99:110]) > 0.5


class CountingSilero:
    """Takes everything for speech."""

    def __init__(self) -> None:
        self.heard = 0

    def reset(self) -> None:
        pass

    def hear(self, chunks: Sequence[NDArray[np.float32]]) -> list[float]:
        self.heard += len(chunks)
        return [0.9] * len(chunks)


def test_silero_is_spared_what_does_not_stand_out_but_for_the_end_of_it() -> None:
    activity, silero = GatedSilero(), CountingSilero()
    ear: Any = silero
    activity._plain._silero = activity._amplified._silero = ear
    still, tone = np.zeros(CHUNK_SAMPLES, np.int16), (np.arange(CHUNK_SAMPLES) % 13 * 2000).astype(np.int16)
    for _ in range(40):  # until the floor is known
        feed(activity, still, keep_open=True)
    silero.heard = 0
    assert [feed(activity, still, keep_open=True) for _ in range(100)] == [[0.0]] * 100
    assert silero.heard == 0
    assert feed(activity, tone, keep_open=True) == [0.9]
    assert 2 < silero.heard < 30  # some of the silence, and the tone
    silero.heard = 0
    assert [feed(activity, tone, keep_open=True) for _ in range(20)] == [[0.9]] * 20
    assert silero.heard < 40  # loud as it is, it need not be heard amplified too for long


def test_an_open_gate_answers_at_once() -> None:
    gate = GatedSilero()
    for _ in range(60):
        assert len(feed(gate, np.zeros(CHUNK_SAMPLES, np.int16), keep_open=True)) == 1


def test_the_gate_loses_no_turns() -> None:
    class Ungated(GatedSilero):
        def judge(self, keep_open: bool) -> list[float]:
            del keep_open
            return super().judge(keep_open=True)

    for gain in (1.0, 0.02):
        sound = (conversation() * gain).astype(np.int16)
        found = []
        for activity in (GatedSilero(), Ungated()):
            detector = TurnDetector(activity=activity)
            events = detector.feed(AudioFrame(sound, 0)) + detector.flush()
            found.append([event.turn.start for event in events if isinstance(event, TurnEnded)])
        assert len(found[0]) == len(found[1])
        assert max(abs(a - b) for a, b in zip(*found, strict=True)) <= 0.1 * RATE


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads through /proc")
def test_silero_starts_no_threads_and_leaves_torch_its_own() -> None:
    program = (
        "import os, numpy, torch\n"
        "torch.set_num_threads(3)\n"
        "from streamer.silero import Silero\n"
        "silero = Silero()\n"
        "threads = len(os.listdir('/proc/self/task'))\n"
        "silero.hear([numpy.zeros(512, numpy.float32)] * 20)\n"
        "print(len(os.listdir('/proc/self/task')) - threads, torch.get_num_threads())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "0 3\n"


def test_silero_is_the_original_network() -> None:
    original = torch.jit.load(  # type: ignore[no-untyped-call]
        str(distribution("silero-vad").locate_file("silero_vad/data/silero_vad.jit"))
    )
    original.reset_states()
    sound = (conversation()[: 200 * CHUNK_SAMPLES].reshape(-1, CHUNK_SAMPLES) / 32768).astype(np.float32)
    with torch.no_grad():
        expected = [float(original(torch.from_numpy(chunk)[None], RATE)) for chunk in sound]
    assert max(expected) > 0.9
    assert Silero().hear(list(sound)) == pytest.approx(expected, abs=1e-4)


def test_silero_hears_the_same_in_one_call_as_in_many() -> None:
    sound = conversation()[: 200 * CHUNK_SAMPLES].reshape(-1, CHUNK_SAMPLES) / np.float32(32768)
    together, apart = Silero(), Silero()
    one_by_one = [p for chunk in sound for p in apart.hear([chunk])]
    assert max(one_by_one) > 0.9
    assert min(one_by_one) < 0.1
    assert together.hear(list(sound)) == pytest.approx(one_by_one, abs=1e-4)
    apart.reset()
    assert apart.hear([sound[0]]) == pytest.approx(one_by_one[:1], abs=1e-4)


@pytest.mark.parametrize("keep_open", [True, False])
@pytest.mark.parametrize("gain", [1.0, 0.02])
def test_it_makes_no_difference_how_many_chunks_are_taken_in_at_a_time(
    gain: float, *, keep_open: bool
) -> None:
    sound = (conversation()[: 1200 * CHUNK_SAMPLES] * gain).astype(np.int16).reshape(-1, CHUNK_SAMPLES)

    def judged(at_a_time: int) -> list[float]:
        activity, probabilities = GatedSilero(), []
        for at in range(0, len(sound), at_a_time):
            chunks = sound[at : at + at_a_time]
            activity.take_in(chunks)
            probabilities += [p for _ in chunks for p in activity.judge(keep_open=keep_open)]
        return probabilities

    one_by_one = judged(1)
    assert max(one_by_one) > 0.9
    for at_a_time in (3, 16, 300):
        assert judged(at_a_time) == pytest.approx(one_by_one, abs=1e-4)


def test_the_conditioner_takes_out_dc_and_lifts_only_what_is_faint() -> None:
    t = np.arange(CHUNK_SAMPLES) / RATE
    tone = np.sin(2 * np.pi * 500 * t)
    for amplitude, expected in ((20, 20 * 16), (10_000, 10_000)):
        chunks = np.array([amplitude * tone + 3000] * 2).astype(np.int16)
        (plain, amplified, gain), _ = InputConditioner().condition(chunks)
        assert gain == pytest.approx(expected / amplitude, rel=0.05)
        assert np.abs(plain).max() * 32768 == pytest.approx(amplitude, rel=0.05)
        assert np.abs(amplified).max() * 32768 == pytest.approx(expected, rel=0.05)
        assert plain.mean() * 32768 == pytest.approx(0, abs=1)


def test_the_floor_follows_the_noise_and_speech_stands_out() -> None:
    rng = np.random.default_rng(0)
    floor = NoiseFloor(CHUNK_SAMPLES)

    def hear(level: float, n: int) -> list[float]:
        return floor.excess_db((rng.standard_normal((n, CHUNK_SAMPLES)) * level).astype(np.int16))

    assert hear(100, 31) == [np.inf] * 31
    assert np.mean(hear(100, 100)) < 4
    assert np.mean(hear(1000, 5)) == pytest.approx(22, abs=3)
    assert np.mean(hear(1000, 400)[-50:]) < 4  # it became the noise
    assert np.mean(hear(100, 50)[-20:]) < 4
