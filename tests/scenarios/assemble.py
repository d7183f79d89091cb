"""Conversations assembled from the shared recordings, so that every boundary, word and speaker is known."""

import json
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000
SHARED_AUDIO = Path(__file__).resolve().parents[3] / "shared" / "audio"
ROOMS = ("rir1", "rir2", "rir3")

_SPEECH_RANGE_DB = 35.0
"""What is quieter than a clip's loudest 10 ms by more than this counts as silence at its edges."""


@dataclass(frozen=True, slots=True)
class SpokenTurn:
    """One utterance as placed.

    Attributes:
        start: first sample of the speech (its acoustic edge, not the edge of the clip).
        end: one past its last sample.
        words: what is said, in capitals; "" where the recording comes without its words.
        speaker: "spk1" or "spk2".
        sentence: the name of the clip.
        channel: the channel it is on.
    """

    start: int
    end: int
    words: str
    speaker: str
    sentence: str
    channel: int


@dataclass(frozen=True, slots=True)
class AssembledConversation:
    """Sound and the truth about it.

    Attributes:
        audio: int16 [n, channels] at 16 kHz.
        turns: in order of time.
    """

    audio: NDArray[np.int16]
    turns: tuple[SpokenTurn, ...]

    def write(self, path: Path) -> Path:
        """Write the sound as a 16-bit WAV file and return its path."""
        with wave.open(str(path), "wb") as file:
            file.setnchannels(self.audio.shape[1])
            file.setsampwidth(2)
            file.setframerate(SAMPLE_RATE)
            file.writeframes(self.audio.astype("<i2").tobytes())
        return path


def assemble(
    seed: int,
    *,
    turns: int = 12,
    gap_s: tuple[float, float] = (0.7, 3.0),
    snr_db: float | None = None,
    room: str | None = None,
    channel_per_speaker: bool = False,
    root: Path = SHARED_AUDIO,
) -> AssembledConversation | None:
    """Place sentences one after another, in random order, with silences between.

    Args:
        seed: the same seed and arguments give the same samples.
        turns: how many; from the thirteenth on, sentences come again.
        gap_s: shortest and longest silence between the acoustic edges of two turns.
        snr_db: add the noise recording at this ratio of mean powers (the speech without the silences between
            turns, to the noise); None for none.
        room: one of `ROOMS`: convolve with its impulse response, the direct path aligned so that starts hold.
        channel_per_speaker: put spk1 on channel 0 and spk2 on channel 1.
        root: the folder of recordings.

    Returns:
        The conversation; None where the recordings are absent.
    """
    folder = root / "speechbrain"
    if not folder.is_dir():
        return None
    rng = np.random.default_rng(seed)
    words = _words(folder)
    names = sorted(words)
    order = [names[i] for _ in range(-(-turns // len(names))) for i in rng.permutation(len(names))][:turns]

    clips = [_read(folder / "ASR" / f"{name}.wav") for name in order]
    edges = [_speech_edges(clip) for clip in clips]
    gaps = (rng.uniform(*gap_s, size=turns + 1) * SAMPLE_RATE).astype(int)
    placed: list[SpokenTurn] = []
    now = 0
    for name, (first, last), gap in zip(order, edges, gaps, strict=False):
        start = now + int(gap)
        now = start + last - first
        speaker = name.split("_")[0]
        channel = int(channel_per_speaker and speaker == "spk2")
        placed.append(SpokenTurn(start, now, words[name], speaker, name, channel))

    speech = np.zeros((now + int(gaps[-1]) + SAMPLE_RATE // 2, 1 + channel_per_speaker))
    for turn, clip, (first, last) in zip(placed, clips, edges, strict=True):
        from_sample, to_sample = max(turn.start - first, 0), turn.end + len(clip) - last
        speech[from_sample:to_sample, turn.channel] += clip[first - (turn.start - from_sample) :]
    speech_power = sum(float((clip[a:b] ** 2).sum()) for clip, (a, b) in zip(clips, edges, strict=True))
    speech_power /= sum(last - first for first, last in edges)

    if room is not None:
        response = _read(folder / "RIRs" / f"{room}.wav")
        response -= response.mean()
        response = response[int(np.abs(response).argmax()) :]
        response /= np.sqrt((response**2).sum())
        speech = np.stack([_convolve(channel, response) for channel in speech.T], axis=1)
    if snr_db is not None:
        noise = _read(folder / "noise" / "noise1.wav")
        noise = np.resize(np.roll(noise - noise.mean(), int(rng.integers(len(noise)))), len(speech))
        speech += (noise * np.sqrt(speech_power / (noise**2).mean() / 10 ** (snr_db / 10)))[:, None]
    audio = np.clip(np.rint(speech), -32768, 32767).astype(np.int16)
    return AssembledConversation(audio, tuple(placed))


def _words(folder: Path) -> dict[str, str]:
    """Sentence -> words, for every recording."""
    words = {path.stem: "" for path in (folder / "ASR").glob("*.wav")}
    for part in ("train", "dev"):
        annotation = json.loads((folder / "annotation" / f"ASR_{part}.json").read_text(encoding="utf-8"))
        words |= {name: entry["words"] for name, entry in annotation.items()}
    return words


def _read(path: Path) -> NDArray[np.float64]:
    """Samples [n] of a 16 kHz mono 16-bit WAV file, in int16 units."""
    with wave.open(str(path)) as file:
        if (file.getframerate(), file.getnchannels(), file.getsampwidth()) != (SAMPLE_RATE, 1, 2):
            raise ValueError(f"{path.name} is not 16 kHz mono 16-bit")
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float64)


def _speech_edges(clip: NDArray[np.float64]) -> tuple[int, int]:
    """First sample of the speech in a clip, and one past its last."""
    step = SAMPLE_RATE // 100
    blocks = clip[: len(clip) // step * step].reshape(-1, step)
    level_db = 10 * np.log10((blocks**2).mean(axis=1) + 1e-9)
    voiced = np.flatnonzero(level_db > level_db.max() - _SPEECH_RANGE_DB)
    return int(voiced[0]) * step, int(voiced[-1] + 1) * step


def _convolve(signal: NDArray[np.float64], response: NDArray[np.float64]) -> NDArray[np.float64]:
    """The first len(signal) samples of the linear convolution, by FFT."""
    size = 1 << (len(signal) + len(response) - 1).bit_length()
    product = np.fft.rfft(signal, size) * np.fft.rfft(response, size)
    return np.fft.irfft(product, size)[: len(signal)]
