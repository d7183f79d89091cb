"""What end-pointing is measured on: channels of sound, the turns spoken on them, their voice activity."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.conversations import SHARED_AUDIO, acted, sentences
from benchmarks.hesitant import Sentence, SpokenTurn, Word, align, converse
from benchmarks.meetings import read_meetings
from benchmarks.progress import progress
from benchmarks.recognition import WORDS, read_audio
from streamer.audio.frame import SAMPLE_RATE
from streamer.turns.vad import CHUNK_SAMPLES, GatedSilero

_PIECE = 6 * SAMPLE_RATE // 10
"""Segments of the meetings' speakers are taken in pieces of this length, which stand for words."""

SAME_TURN_S = 2.0
"""Meetings: what one speaker says with shorter pauses, and nobody else between, is one turn."""

_AROUND = SAMPLE_RATE // 2
"""A speaker's own channel: what is heard further than this from the speaker's turns is the other's."""


@dataclass(frozen=True)
class Recording:
    """One channel: int16 [n], the turns spoken on it, and what the activity detector makes of its chunks."""

    sound: NDArray[np.int16]
    truth: Sequence[SpokenTurn]
    probabilities: Sequence[float]


def recording(sound: NDArray[np.int16], truth: Sequence[SpokenTurn]) -> Recording:
    """Judge the voice activity of a channel, the gate always open."""
    activity = GatedSilero()
    probabilities: list[float] = []
    for at in range(0, len(sound) - CHUNK_SAMPLES + 1, CHUNK_SAMPLES):
        probabilities += activity.judge(sound[None, at : at + CHUNK_SAMPLES], keep_open=True)
    return Recording(sound, truth, probabilities)


@cache
def held_out_sentences() -> list[Sentence]:
    """Sentences of speakers that the rule was not tuned on."""
    clips = [
        replace(clip, words=WORDS[f"speechbrain/ASR/{clip.name}.wav"])
        for clip in sentences()
        if clip.speaker != "spk1"
    ]
    clips += [clip for clip in acted(every=7) if int(clip.speaker.split()[1]) % 2 == 0]
    return align(clips)


def assembled(seeds: Sequence[int], turns: int) -> tuple[list[Recording], list[Recording]]:
    """Conversations on one channel; and the same with a channel for each speaker."""
    noise = read_audio(SHARED_AUDIO / "speechbrain" / "noise" / "noise1.wav")
    together, apart = [], []
    for seed in progress(seeds, "assembling"):
        sound, truth = converse(seed, held_out_sentences(), noise, turns=turns)
        heard = recording(sound, truth)
        together.append(heard)
        for who in (0, 1):
            own = truth[who::2]
            apart.append(Recording(sound, own, only_within(heard.probabilities, own)))
    return together, apart


def only_within(probabilities: Sequence[float], turns: Sequence[SpokenTurn]) -> list[float]:
    """Voice activity of one speaker: nothing is heard more than `_AROUND` from the speaker's turns."""
    kept = np.zeros(len(probabilities), bool)
    for turn in turns:
        first, last = (
            (turn.start - _AROUND) // CHUNK_SAMPLES,
            (turn.end + _AROUND) // CHUNK_SAMPLES,
        )
        kept[max(first, 0) : last] = True
    return [p if keep else 0.0 for p, keep in zip(probabilities, kept, strict=True)]


def meetings(folder: Path) -> list[Recording]:
    """The meetings; a speaker's segments make a turn where nobody else comes between."""
    recordings = []
    for meeting in read_meetings(folder):
        segments = []
        for line in meeting.spoken:
            first = round(line.start_s * SAMPLE_RATE)
            segments.append((first, first + round(line.length_s * SAMPLE_RATE), line.speaker))
        recordings.append(recording(read_audio(meeting.path), _turns(sorted(segments))))
    return recordings


def _turns(segments: Sequence[tuple[int, int, str]]) -> list[SpokenTurn]:
    turns = [_pieces(*segments[0][:2])]
    for before, (start, end, speaker) in pairwise(segments):
        if speaker != before[2] or start - before[1] > SAME_TURN_S * SAMPLE_RATE:
            turns.append([])
        turns[-1] += _pieces(start, end)
    return [SpokenTurn(words[0].start, max(word.end for word in words), tuple(words)) for words in turns]


def _pieces(start: int, end: int) -> list[Word]:
    return [Word("", at, min(at + _PIECE, end)) for at in range(start, end, _PIECE)]
