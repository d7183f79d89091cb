"""Conversations assembled from the shared recordings, so that every boundary, word and speaker is known."""

import json
import wave
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from streamer.audio.decoding.decode import Decoder
from streamer.audio.frame import SAMPLE_RATE, AudioFrame
from streamer.transcribers.base import Transcript

SHARED = Path(__file__).resolve().parents[2] / "shared"
SHARED_AUDIO = SHARED / "audio"
SHARED_ACTED = SHARED / "data" / "ravdess"
LIBRISPEECH = SHARED / "data" / "librispeech"
ROOMS = ("rir1", "rir2", "rir3")
STATEMENTS = {"01": "KIDS ARE TALKING BY THE DOOR", "02": "DOGS ARE SITTING BY THE DOOR"}
"""What RAVDESS' actors say, by the fifth field of a recording's name."""

_SPEECH_RANGE_DB = 35.0
"""What is quieter than a clip's loudest 10 ms by more than this counts as silence at its edges."""


_FINGERPRINT = 64
"""Samples that tell clips of speech apart."""

_ACTED_LEVEL = 2_000.0
"""Root mean square that the speech of acted clips is brought to, in int16 units: some are very quiet."""


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """One recorded utterance.

    Attributes:
        name: of the recording.
        speaker: who speaks.
        words: what is said, in capitals; "" where the recording comes without its words.
        sound: int16 [n] at 16 kHz.
        first: first sample of the speech (its acoustic edge).
        last: one past its last.
    """

    name: str
    speaker: str
    words: str
    sound: NDArray[np.int16]
    first: int
    last: int


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
    clips = sentences(root)
    if not clips:
        return None
    rng = np.random.default_rng(seed)
    order = [clips[i] for _ in range(-(-turns // len(clips))) for i in rng.permutation(len(clips))][:turns]
    gaps = (rng.uniform(*gap_s, size=turns + 1) * SAMPLE_RATE).astype(int)
    placed: list[SpokenTurn] = []
    now = 0
    for clip, gap in zip(order, gaps, strict=False):
        start = now + int(gap)
        now = start + clip.last - clip.first
        channel = int(channel_per_speaker and clip.speaker == "spk2")
        placed.append(SpokenTurn(start, now, clip.words, clip.speaker, clip.name, channel))

    speech = np.zeros((now + int(gaps[-1]) + SAMPLE_RATE // 2, 1 + channel_per_speaker))
    for turn, clip in zip(placed, order, strict=True):
        from_sample, to_sample = max(turn.start - clip.first, 0), turn.end + len(clip.sound) - clip.last
        speech[from_sample:to_sample, turn.channel] += clip.sound[clip.first - (turn.start - from_sample) :]
    speech_power = sum(float((clip.sound[clip.first : clip.last].astype(float) ** 2).sum()) for clip in order)
    speech_power /= sum(clip.last - clip.first for clip in order)

    if room is not None:
        speech = in_room(speech, room, root)
    if snr_db is not None:
        speech += noise_under(len(speech), speech_power / 10 ** (snr_db / 10), rng, root)[:, None]
    audio = np.clip(np.rint(speech), -32768, 32767).astype(np.int16)
    return AssembledConversation(audio, tuple(placed))


def in_room(speech: NDArray[np.float64], room: str, root: Path = SHARED_AUDIO) -> NDArray[np.float64]:
    """Speech [n, channels] as it sounds in one of `ROOMS`, the direct path aligned so that starts hold."""
    response = _read(root / "speechbrain" / "RIRs" / f"{room}.wav")
    response -= response.mean()
    response = response[int(np.abs(response).argmax()) :]
    response /= np.sqrt((response**2).sum())
    return np.stack([_convolve(channel, response) for channel in speech.T], axis=1)


def noise_under(
    length: int, power: float, rng: np.random.Generator, root: Path = SHARED_AUDIO
) -> NDArray[np.float64]:
    """So many samples of the noise recording, from a random place on and round again, at a mean power."""
    noise = _read(root / "speechbrain" / "noise" / "noise1.wav")
    noise = np.resize(np.roll(noise - noise.mean(), int(rng.integers(len(noise)))), length)
    scaled: NDArray[np.float64] = noise * np.sqrt(power / (noise**2).mean())
    return scaled


def sentences(root: Path = SHARED_AUDIO) -> tuple[Clip, ...]:
    """The twelve sentences of two speakers, in order of their names; none where the recordings are absent."""
    folder = root / "speechbrain"
    if not folder.is_dir():
        return ()
    return tuple(
        _clip(name, name.split("_")[0], words, _read(folder / "ASR" / f"{name}.wav").astype(np.int16))
        for name, words in sorted(_words(folder).items())
    )


def acted(root: Path = SHARED_ACTED, every: int = 12) -> tuple[Clip, ...]:
    """Every so many-th emotional clip of RAVDESS' actors, at one level; none where they are absent."""
    clips = []
    for path in sorted(root.rglob("*.flac"))[::every]:
        fields = path.stem.split("-")
        sound = decoded(path).astype(np.float64)
        first, last = speech_edges(sound)
        gain = _ACTED_LEVEL / np.sqrt((sound[first:last] ** 2).mean())
        loud = np.clip(np.rint(sound * gain), -32768, 32767).astype(np.int16)
        clips.append(_clip(path.stem, f"actor {fields[6]}", STATEMENTS[fields[4]], loud))
    return tuple(clips)


def decoded(path: Path) -> NDArray[np.int16]:
    """A whole recording, mixed down to one channel: int16 [n] at 16 kHz."""
    with Decoder(path, split_channels=False) as decoder:
        return np.concatenate([item.samples for item in decoder.items() if isinstance(item, AudioFrame)])


def talk(
    seed: int, clips: Sequence[Clip], gap_s: tuple[float, float] = (0.8, 3.0)
) -> Iterator[tuple[NDArray[np.int16], SpokenTurn]]:
    """A conversation without an end, in constant memory: all clips in random order, again and again.

    Args:
        seed: the same seed and arguments give the same samples.
        clips: what is said.
        gap_s: shortest and longest silence between the acoustic edges of two turns.

    Yields:
        The next piece of sound, int16 [n], a silence and then an utterance, and the turn spoken in it.
    """
    rng = np.random.default_rng(seed)
    now = 0
    tail = 0  # of the utterance before, after its speech: part of the silence
    while True:
        for i in rng.permutation(len(clips)):
            clip = clips[int(i)]
            silence = max(int(rng.uniform(*gap_s) * SAMPLE_RATE) - tail - clip.first, 0)
            start = now + silence + clip.first
            end = start + clip.last - clip.first
            yield (
                np.concatenate([np.zeros(silence, np.int16), clip.sound]),
                SpokenTurn(start, end, clip.words, clip.speaker, clip.name, 0),
            )
            now += silence + len(clip.sound)
            tail = len(clip.sound) - clip.last


class KnownWords:
    """A recogniser that knows the clips: it finds the words of a turn by the samples in it.

    For measuring everything but recognition. The sound must be the clips' own, unmixed and unscaled.
    """

    name = "known words"

    def __init__(self, clips: Sequence[Clip]) -> None:
        self._clips = [(clip.sound.tobytes(), clip.words.lower()) for clip in clips]

    def transcribe(self, audio: NDArray[np.int16]) -> Transcript:
        """The words of the clip that the middle of the turn was taken from; "" where it is none of them."""
        middle = len(audio) // 2
        piece = audio[middle : middle + _FINGERPRINT].tobytes()
        for sound, words in self._clips:
            at = sound.find(piece)
            if at >= 0 and at % 2 == 0:
                return Transcript(words, "en")
        return Transcript("")


def _clip(name: str, speaker: str, words: str, sound: NDArray[np.int16]) -> Clip:
    return Clip(name, speaker, words, sound, *speech_edges(sound.astype(np.float64)))


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


def speech_edges(clip: NDArray[np.float64]) -> tuple[int, int]:
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
