"""Conversations of real speech in which people pause within their turns, every word's place known.

The sentences are recordings (`benchmarks.conversations`); where their words lie is found by aligning them to
the sound with Whisper. What is made up is when people pause: at random word boundaries and between
sentences, for log-normally distributed times, in other people for longer than in some, as in conversations
(Campione & Véronis, "A Large-Scale Multilingual Study of Silent Pause Duration", Speech Prosody 2002).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.conversations import Clip
from benchmarks.recognition import unpunctuated
from streamer.audio.frame import SAMPLE_RATE
from streamer.transcribers.base import RecognitionRequest
from streamer.transcribers.whisper import Whisper

_FRAME = SAMPLE_RATE // 100
"""Samples of the 10 ms in which the quietest place is looked for."""

_AROUND = 12 * _FRAME
"""Whisper's word times are that far off, mostly."""

_FADE = SAMPLE_RATE // 100
"""Sound fades out before an inserted pause, and in after it, over this many samples."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word and where it lies: `start` is its first sample, `end` one past its last."""

    word: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Sentence:
    """A clip whose words have places, counted from the start of its sound."""

    clip: Clip
    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class SpokenTurn:
    """What one speaker says until the other does: `start` to `end` in samples, pauses included."""

    start: int
    end: int
    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Habits:
    """When people pause.

    Attributes:
        sentences: of a turn; one of these is drawn.
        hesitates: how likely there is a pause within a sentence; a speaker's is between these two.
        pause_s: median pause.
        spread: of pauses, as the standard deviation of their natural logarithm.
        between_speakers: likewise, of the speakers' medians.
        gap_s: shortest and longest silence from a turn to the next.
    """

    sentences: tuple[int, ...] = (1, 1, 2)
    hesitates: tuple[float, float] = (0.0, 0.6)
    pause_s: float = 0.4
    spread: float = 0.5
    between_speakers: float = 0.35
    gap_s: tuple[float, float] = (0.7, 3.0)


def align(clips: Sequence[Clip]) -> list[Sentence]:
    """Find where the words of the clips lie; clips in which Whisper hears others are left out."""
    recogniser = Whisper("base", language="en")
    sentences = []
    for clip in clips:
        [heard] = recogniser.transcribe_together([RecognitionRequest(clip.sound, word_times=True)])
        words = tuple(
            Word(
                unpunctuated(word.text),
                max(clip.first, round(word.start_s * SAMPLE_RATE)),
                min(clip.last, round(word.end_s * SAMPLE_RATE)),
            )
            for word in heard.words
        )
        if [word.word for word in words] == unpunctuated(clip.words).split():
            sentences.append(Sentence(clip, _as_written(words)))
    return sentences


def converse(
    seed: int,
    sentences: Sequence[Sentence],
    noise: NDArray[np.int16],
    *,
    turns: int = 12,
    snr_db: float = 20.0,
    habits: Habits | None = None,
) -> tuple[NDArray[np.int16], list[SpokenTurn]]:
    """Two speakers take turns.

    Args:
        seed: the same seed and arguments give the same samples.
        sentences: what can be said, by two speakers or more.
        noise: int16 [n], lies under everything.
        turns: how many.
        snr_db: ratio of the mean powers of the sentences and the noise.
        habits: when people pause.

    Returns:
        Sound, int16 [m], and the turns in order.
    """
    habits = habits or Habits()
    rng = np.random.default_rng(seed)
    speakers = sorted({sentence.clip.speaker for sentence in sentences})
    pair = [speakers[i] for i in rng.permutation(len(speakers))[:2]]
    medians = habits.pause_s * np.exp(rng.normal(0, habits.between_speakers, 2))
    hesitancy = rng.uniform(*habits.hesitates, size=2)
    pieces: list[NDArray[np.float64]] = []
    placed: list[SpokenTurn] = []
    now = 0

    def add(sound: NDArray[np.float64]) -> None:
        nonlocal now
        pieces.append(sound)
        now += len(sound)

    def add_silence(seconds: float) -> None:
        add(np.zeros(int(seconds * SAMPLE_RATE)))

    for turn in range(turns):
        add_silence(rng.uniform(*habits.gap_s))
        who = turn % 2
        own = [sentence for sentence in sentences if sentence.clip.speaker == pair[who]]
        words: list[Word] = []
        for i in range(int(rng.choice(habits.sentences))):
            if i:
                add_silence(rng.lognormal(np.log(medians[who]), habits.spread))
            sentence = own[int(rng.integers(len(own)))]
            hesitates = len(sentence.words) > 1 and rng.random() < hesitancy[who]
            after = int(rng.integers(1, len(sentence.words))) if hesitates else len(sentence.words)
            pause = rng.lognormal(np.log(medians[who]), habits.spread)
            cut = _boundary(sentence, after)
            words += [_moved(word, now - sentence.clip.first) for word in sentence.words[:after]]
            add(_faded(sentence.clip.sound[sentence.clip.first : cut]))
            if hesitates:
                add_silence(pause)
                words += [_moved(word, now - cut) for word in sentence.words[after:]]
                add(_faded(sentence.clip.sound[cut : sentence.clip.last]))
        placed.append(SpokenTurn(words[0].start, min(words[-1].end, now), tuple(words)))
    add_silence(habits.gap_s[1])

    speech = np.concatenate(pieces)
    power = np.mean(speech[speech != 0] ** 2)
    under = np.resize(np.roll(noise - noise.mean(), int(rng.integers(len(noise)))), len(speech))
    speech += under * np.sqrt(power / np.mean(under**2) / 10 ** (snr_db / 10))
    return np.clip(np.rint(speech), -32768, 32767).astype(np.int16), placed


def _boundary(sentence: Sentence, after: int) -> int:
    """The quietest place around the end of the so many-th word; after the last, the end of the speech."""
    clip, words = sentence.clip, sentence.words
    if after == len(words):
        return clip.last
    low, high = words[after - 1].end - _AROUND, words[after].start + _AROUND
    blocks = clip.sound[low : low + (high - low) // _FRAME * _FRAME].astype(np.float64).reshape(-1, _FRAME)
    return low + int(np.argmin((blocks**2).mean(axis=1))) * _FRAME + _FRAME // 2


def _as_written(words: tuple[Word, ...]) -> tuple[Word, ...]:
    """With a capital at the start of the sentence and a full stop at its end."""
    begun = (replace(words[0], word=words[0].word.capitalize()), *words[1:])
    return (*begun[:-1], replace(begun[-1], word=f"{begun[-1].word}."))


def _moved(word: Word, by: int) -> Word:
    return Word(word.word, word.start + by, word.end + by)


def _faded(sound: NDArray[np.int16]) -> NDArray[np.float64]:
    faded = sound.astype(np.float64)
    ramp = np.linspace(0, 1, min(_FADE, len(sound)))
    faded[: len(ramp)] *= ramp
    faded[len(faded) - len(ramp) :] *= ramp[::-1]
    return faded
