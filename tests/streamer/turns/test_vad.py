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
from streamer.turns.conditioner import InputConditioner, condition
from streamer.turns.detector import TurnDetector
from streamer.turns.noise_floor import NoiseFloor, excess_db
from streamer.turns.silero import Silero, hear_together
from streamer.turns.turn import TurnEnded
from streamer.turns.vad import (
    CHUNK_SAMPLES,
    REPLAY_CHUNKS,
    GatedSilero,
    VadRequest,
    VoiceActivity,
    judge_together,
)
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
    return activity.judge(chunk[None], keep_open)


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

    def hear_together(
        self, listeners: Sequence[Silero], sounds: Sequence[Sequence[Any]]
    ) -> list[list[float]]:
        assert len(listeners) == len(sounds)
        self.heard += sum(map(len, sounds))
        return [[0.9] * len(each) for each in sounds]


def test_silero_is_spared_what_does_not_stand_out_but_for_the_end_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    activity, silero = GatedSilero(), CountingSilero()
    monkeypatch.setattr("streamer.turns.vad.hear_together", silero.hear_together)
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


@pytest.mark.slow
def test_the_gate_loses_no_turns() -> None:
    class Ungated(GatedSilero):
        def judge(self, chunks: NDArray[np.int16], keep_open: bool) -> list[float]:
            del keep_open
            return super().judge(chunks, keep_open=True)

    for gain in (1.0, 0.02):
        sound = (conversation() * gain).astype(np.int16)
        found = []
        for activity in (GatedSilero(), Ungated()):
            detector = TurnDetector(activity=activity)
            events = detector.feed(AudioFrame(sound, 0)) + detector.flush()
            found.append([event.turn.start for event in events if isinstance(event, TurnEnded)])
        assert len(found[0]) == len(found[1])
        assert max(abs(a - b) for a, b in zip(*found, strict=True)) <= 0.1 * RATE


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="counts threads through /proc")
def test_silero_starts_no_threads_and_leaves_torch_its_own() -> None:
    program = (
        "import os, numpy, torch\n"
        "torch.set_num_threads(3)\n"
        "from streamer.turns.silero import Silero, hear_together\n"
        "silero = Silero()\n"
        "threads = len(os.listdir('/proc/self/task'))\n"
        "hear_together([silero], [[numpy.zeros(512, numpy.float32)] * 20])\n"
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
    assert hear_together([Silero()], [list(sound)]) == [pytest.approx(expected, abs=1e-4)]


def test_listeners_hear_the_same_together_as_alone() -> None:
    sound = list(
        (conversation()[: 200 * CHUNK_SAMPLES] / 32768).astype(np.float32).reshape(-1, CHUNK_SAMPLES)
    )
    alone = Silero()
    one_by_one = [p for chunk in sound for p in hear_together([alone], [[chunk]])[0]]
    assert max(one_by_one) > 0.9
    assert min(one_by_one) < 0.1
    first, second, third = Silero(), Silero(), Silero()
    begun = hear_together([first, second, third], [sound[:50], [], sound[100:110]])
    assert begun[0] == pytest.approx(one_by_one[:50], abs=1e-4)
    assert begun[1] == []
    gone_on = hear_together([second, first], [sound, sound[50:]])
    assert gone_on[0] == pytest.approx(one_by_one, abs=1e-4)
    assert gone_on[1] == pytest.approx(one_by_one[50:], abs=1e-4)
    third.reset()
    assert hear_together([third], [sound[:1]]) == [pytest.approx(one_by_one[:1], abs=1e-4)]


def test_detectors_judge_the_same_together_as_alone() -> None:
    sound = conversation()[: 600 * CHUNK_SAMPLES].reshape(-1, CHUNK_SAMPLES)
    parts = [sound, (sound[::-1] * 0.02).astype(np.int16), sound[300:], np.zeros_like(sound)]
    alone = [GatedSilero().judge(part, keep_open=False) for part in parts]
    detectors = [GatedSilero() for _ in parts]
    together: list[list[float]] = [[] for _ in parts]
    for at in range(0, len(sound), 7):
        heard = [
            VadRequest(by, part[at : at + 7], keep_open=False)
            for by, part in zip(detectors, parts, strict=True)
            if at < len(part)
        ]
        for each, probabilities in zip(heard, judge_together(heard), strict=True):
            together[detectors.index(each.by)] += probabilities
    assert max(alone[0]) > 0.9
    for one, other in zip(together, alone, strict=True):
        assert one == pytest.approx(other, abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("keep_open", [True, False])
@pytest.mark.parametrize("gain", [1.0, 0.02])
def test_it_makes_no_difference_how_many_chunks_are_taken_in_at_a_time(
    gain: float, *, keep_open: bool
) -> None:
    sound = (conversation()[: 1200 * CHUNK_SAMPLES] * gain).astype(np.int16).reshape(-1, CHUNK_SAMPLES)

    def judged(at_a_time: int) -> list[float]:
        activity, probabilities = GatedSilero(), []
        for at in range(0, len(sound), at_a_time):
            probabilities += activity.judge(sound[at : at + at_a_time], keep_open)
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
        (plain, amplified, gain), _ = condition([InputConditioner()] * 2, chunks)
        assert gain == pytest.approx(expected / amplitude, rel=0.05)
        assert np.abs(plain).max() * 32768 == pytest.approx(amplitude, rel=0.05)
        assert np.abs(amplified).max() * 32768 == pytest.approx(expected, rel=0.05)
        assert plain.mean() * 32768 == pytest.approx(0, abs=1)


def test_the_floor_follows_the_noise_and_speech_stands_out() -> None:
    rng = np.random.default_rng(0)
    floor = NoiseFloor()

    def hear(level: float, n: int) -> list[float]:
        return excess_db([floor] * n, (rng.standard_normal((n, CHUNK_SAMPLES)) * level).astype(np.int16))

    assert hear(100, 31) == [np.inf] * 31
    assert np.mean(hear(100, 100)) < 4
    assert np.mean(hear(1000, 5)) == pytest.approx(22, abs=3)
    assert np.mean(hear(1000, 400)[-50:]) < 4  # it became the noise
    assert np.mean(hear(100, 50)[-20:]) < 4
