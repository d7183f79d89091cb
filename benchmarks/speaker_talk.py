"""Talk of LibriSpeech's speakers on one microphone, assembled so that who speaks when is known.

Sentences are cut at their quietest places into parts of a few seconds; a turn is one part. In a conversation
(`assemble_talk`) no part comes twice: what is said later was never heard before. `long_talk` says all parts
again and again, for hours. The speakers that settings are tuned on are others than those that are scored.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.conversations import LIBRISPEECH, ROOMS, decoded, in_room, noise_under
from streamer.audio.frame import SAMPLE_RATE

_BLOCK = SAMPLE_RATE // 100
"""Samples of the 10 ms whose level is one value."""

_LEVEL = 2_000.0
"""Root mean square of the speech, in int16 units, before a speaker's own difference from it."""

_LEVELS_DB = (-3.0, 3.0)
"""Speakers are quieter and louder by this."""

_FLOOR = 16.0
"""Root mean square of the white noise that lies under everything, in int16 units: -66 dB of full scale."""

_FADE = SAMPLE_RATE // 200

_SHORTEST_S, _LONGEST_S = 1.5, 3.5
"""Of a part."""

_PAUSE_S = 0.3
"""Shorter silences of a speaker are part of the speech, as annotators of diarization corpora do it."""

_ABOVE_FLOOR_DB = 5.0
_BELOW_PEAK_DB = (35.0, 15.0)
"""Silence is within so much of a sentence's quietest 5 %, and at least, at most so much below its loudest."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Some words of one speaker: int16 [n], and where in it there is speech, in samples."""

    sound: NDArray[np.int16]
    speech: tuple[tuple[int, int], ...]


Voices = Mapping[str, Sequence[Part]]
"""Speaker -> all there is of the speaker."""


@dataclass(frozen=True, slots=True)
class TalkTurn:
    """One part as placed: `start` to `end` in samples, the speech within, and who speaks.

    `follows_at_once`: it begins on the sample on which the turn before it, somebody else's, ends.
    """

    start: int
    end: int
    speaker: str
    speech: tuple[tuple[int, int], ...]
    follows_at_once: bool


@dataclass(frozen=True, slots=True, eq=False)
class Talk:
    """int16 [n] at 16 kHz, and the turns in order of their starts."""

    audio: NDArray[np.int16]
    turns: tuple[TalkTurn, ...]


@dataclass(frozen=True, slots=True)
class Style:
    """How people talk, and where.

    Attributes:
        speakers: how many.
        gap_s: shortest and longest silence from a turn to the next.
        at_once: share of the changes of speaker without a silence.
        overlapped: share of the changes at which the next speaker begins before the other has ended.
        overlap_s: shortest and longest time before that end; at most half of the shorter turn.
        snr_db: add the noise recording at this ratio of mean powers, of the speech and the noise.
        room: put it into a room; which, the seed says.
    """

    speakers: int = 2
    gap_s: tuple[float, float] = (0.2, 1.5)
    at_once: float = 0.0
    overlapped: float = 0.0
    overlap_s: tuple[float, float] = (0.3, 1.2)
    snr_db: float | None = None
    room: bool = False


@cache
def development_voices(folder: Path = LIBRISPEECH) -> Voices:
    """Speakers to tune on: every second one of train-clean-100's, with a sentence each."""
    return _every_second(folder, 0)


@cache
def scored_voices(folder: Path = LIBRISPEECH) -> tuple[Voices, Voices]:
    """Speakers to report on: test-other's five, with ten sentences each; train-clean-100's other half."""
    return _voices((folder / "test_other").glob("*.flac")), _every_second(folder, 1)


def _every_second(folder: Path, first: int) -> Voices:
    paths = sorted((folder / "ordinary").glob("*.flac"), key=_speaker)
    return _voices(iter(paths[first::2]))


def _speaker(path: Path) -> str:
    return path.stem.split("-")[0]


def _voices(paths: Iterator[Path]) -> Voices:
    voices: dict[str, list[Part]] = {}
    for path in sorted(paths):
        voices.setdefault(_speaker(path), []).extend(cut(decoded(path)))
    return {name: parts for name, parts in voices.items() if parts}


def cut(sentence: NDArray[np.int16]) -> list[Part]:
    """Cut int16 [n] at its quietest places; silence around parts, and parts too short, are left out."""
    level = _levels(sentence)
    loud = _loud(level)
    speaks = _with_short_pauses(loud)
    shortest, longest = (round(seconds * SAMPLE_RATE) // _BLOCK for seconds in (_SHORTEST_S, _LONGEST_S))
    spoken = np.flatnonzero(loud)
    end = int(spoken[-1]) + 1
    parts = []
    while len(spoken):
        start = int(spoken[0])
        stop = end
        if end - start > longest:
            low, high = start + shortest, min(start + longest, end - shortest)
            stop = low + int(np.argmin(level[low:high]))
        last = int(spoken[spoken < stop][-1]) + 1
        if last - start >= shortest:
            parts.append(_part(sentence, speaks, start, last))
        spoken = spoken[spoken >= stop]
    return parts


def _part(sentence: NDArray[np.int16], speaks: NDArray[np.bool_], first: int, end: int) -> Part:
    changes = np.flatnonzero(np.diff(speaks[first:end].astype(int), prepend=0, append=0)) * _BLOCK
    spans = tuple((int(start), int(stop)) for start, stop in changes.reshape(-1, 2))
    return Part(sentence[first * _BLOCK : end * _BLOCK], spans)


def _levels(sound: NDArray[np.int16]) -> NDArray[np.float64]:
    """Level of each block in dB, over five of them."""
    blocks = sound[: len(sound) // _BLOCK * _BLOCK].astype(np.float64).reshape(-1, _BLOCK)
    power = np.convolve((blocks**2).mean(axis=1), np.full(5, 0.2), mode="same")
    return np.asarray(10 * np.log10(power + 1.0))


def _loud(level: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which blocks are above the silence."""
    lowest, highest = (level.max() - below for below in _BELOW_PEAK_DB)
    return np.asarray(level > np.clip(np.percentile(level, 5) + _ABOVE_FLOOR_DB, lowest, highest))


def _with_short_pauses(loud: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which blocks are speech: the loud ones, and between them pauses shorter than `_PAUSE_S`."""
    speaks = loud.copy()
    for before, after in pairwise(np.flatnonzero(loud)):
        if (after - before) * _BLOCK < _PAUSE_S * SAMPLE_RATE:
            speaks[before:after] = True
    return speaks


def assemble_talk(seed: int, voices: Voices, style: Style, *, turns: int = 24) -> Talk:
    """A conversation.

    Args:
        seed: the same seed and arguments give the same samples.
        voices: who can take part, in sentences of their own; `style.speakers` of them do.
        style: how they talk.
        turns: how many at most: it ends where somebody else would have to speak and has nothing left to say.

    Raises:
        ValueError: there are fewer voices than the style needs.
    """
    rng = np.random.default_rng(seed)
    if len(voices) < style.speakers:
        raise ValueError(f"{style.speakers} speakers are asked for, and there are {len(voices)} voices")
    names = sorted(voices)
    taking_part = [names[i] for i in rng.permutation(len(names))[: style.speakers]]
    left = {name: [voices[name][i] for i in rng.permutation(len(voices[name]))] for name in taking_part}
    gain = {name: 10 ** (rng.uniform(*_LEVELS_DB) / 20) for name in taking_part}
    placed: list[TalkTurn] = []
    pieces: list[NDArray[np.float64]] = []
    while len(placed) < turns:
        name = _next_speaker(rng, taking_part, left, placed)
        if name is None:
            break
        part = left[name].pop()
        start, at_once = _start(rng, style, placed, len(part.sound))
        speech = tuple((start + first, start + end) for first, end in part.speech)
        placed.append(TalkTurn(start, start + len(part.sound), name, speech, at_once))
        pieces.append(_faded(part) * gain[name])
    mixed = np.zeros(placed[-1].end + SAMPLE_RATE)
    for turn, piece in zip(placed, pieces, strict=True):
        mixed[turn.start : turn.end] += piece
    return Talk(_heard(rng, mixed, style, _power(pieces)), tuple(placed))


def _next_speaker(
    rng: np.random.Generator,
    taking_part: Sequence[str],
    left: Mapping[str, Sequence[Part]],
    placed: Sequence[TalkTurn],
) -> str | None:
    """Everybody once first, in the order they were drawn in; then anybody but who has just spoken."""
    if len(placed) < len(taking_part):
        return taking_part[len(placed)]
    others = [name for name in taking_part if left[name] and name != placed[-1].speaker]
    return others[int(rng.integers(len(others)))] if others else None


def _start(
    rng: np.random.Generator, style: Style, placed: Sequence[TalkTurn], length: int
) -> tuple[int, bool]:
    """Where the next turn of so many samples starts, and whether at once."""
    gap = int(rng.uniform(*style.gap_s) * SAMPLE_RATE)
    overlap = int(rng.uniform(*style.overlap_s) * SAMPLE_RATE)
    chance = rng.random()
    if not placed:
        return gap, False
    before = placed[-1]
    if chance < style.at_once:
        return before.end, True
    if chance < style.at_once + style.overlapped:
        start = before.end - min(overlap, length // 2, (before.end - before.start) // 2)
        return (max(start, placed[-2].end) if len(placed) > 1 else start), False  # never three at a time
    return before.end + gap, False


def _faded(part: Part) -> NDArray[np.float64]:
    """Its sound at `_LEVEL`, faded in and out over 5 ms."""
    sound = part.sound.astype(np.float64)
    spoken = np.concatenate([sound[first:end] for first, end in part.speech])
    sound *= _LEVEL / np.sqrt((spoken**2).mean())
    ramp = np.linspace(0, 1, min(_FADE, len(sound)))
    sound[: len(ramp)] *= ramp
    sound[len(sound) - len(ramp) :] *= ramp[::-1]
    return sound


def _power(pieces: Sequence[NDArray[np.float64]]) -> float:
    return float(sum((piece**2).sum() for piece in pieces) / sum(len(piece) for piece in pieces))


def _heard(
    rng: np.random.Generator, mixed: NDArray[np.float64], style: Style, power: float
) -> NDArray[np.int16]:
    """What the microphone gives of speech, float64 [n]."""
    if style.room:
        mixed = in_room(mixed[:, None], ROOMS[int(rng.integers(len(ROOMS)))])[:, 0]
    if style.snr_db is not None:
        mixed += noise_under(len(mixed), power / 10 ** (style.snr_db / 10), rng)
    mixed = mixed + rng.normal(0, _FLOOR, len(mixed))
    return np.clip(np.rint(mixed), -32768, 32767).astype(np.int16)


def long_talk(
    seed: int, voices: Voices, speakers: Sequence[str], gap_s: tuple[float, float] = (0.5, 4.0)
) -> Iterator[tuple[NDArray[np.int16], TalkTurn]]:
    """Talk of some speakers without an end, in constant memory: all their parts, over and over.

    Args:
        seed: the same seed and arguments give the same samples.
        voices: all there are.
        speakers: who take part; one alone speaks on and on.
        gap_s: shortest and longest silence between turns.

    Yields:
        The next piece of sound, int16 [n], a silence and then a turn, and that turn.
    """
    rng = np.random.default_rng(seed)
    gain = {name: 10 ** (rng.uniform(*_LEVELS_DB) / 20) for name in speakers}
    parts = [(name, part) for name in speakers for part in voices[name]]
    now = 0
    while True:
        for i in rng.permutation(len(parts)):
            name, part = parts[int(i)]
            start = now + int(rng.uniform(*gap_s) * SAMPLE_RATE)
            end = start + len(part.sound)
            sound = rng.normal(0, _FLOOR, end - now)
            sound[start - now :] += _faded(part) * gain[name]
            speech = tuple((start + first, start + stop) for first, stop in part.speech)
            yield (
                np.clip(np.rint(sound), -32768, 32767).astype(np.int16),
                TalkTurn(start, end, name, speech, follows_at_once=False),
            )
            now = end
