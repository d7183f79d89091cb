"""Syllable nuclei, found without words.

After Nivja de Jong and Ton Wempe, "Praat script to detect syllable nuclei and measure speech rate
automatically", Behavior Research Methods 41 (2009), 385-390; without pauses, as in their version of 2010.
"""

from itertools import pairwise

import numpy as np

from models.prosody.frames import Array
from models.prosody.intensity import intensity
from models.prosody.periodicity import parabola
from models.prosody.pitch import PitchTracker
from models.sample_rate import SAMPLE_RATE

_FLOOR_HZ = 50.0  # of the intensity
_QUIET_DB = 25.0  # below the level that only a hundredth of the frames exceed: silence
_DIP_DB = 2.0  # after a nucleus, at least
_PAUSE_S = 0.3  # what is shorter is no pause
_SOUND_S = 0.1  # what is shorter is no speech
_VOICE = PitchTracker(floor_hz=30, ceiling_hz=450, step_s=0.02, voicing=0.25, voicing_cost=0.25)

Span = tuple[bool, float, float]
"""Whether it sounds, its start and its end in seconds."""


def articulation_rate(sound: Array) -> float:
    """Syllable nuclei a second of speech, pauses left out; NaN if there are none.

    A nucleus is a voiced maximum of the intensity, not much quieter than the loudest, with a dip between it
    and the next. The last maximum never counts, as in the study whose measures these are.

    Args:
        sound: samples [n] in Pa.
    """
    times, levels = intensity(sound, _FLOOR_HZ)
    voiced_at, pitch = _VOICE.track(sound)
    if not len(levels) or not len(pitch):
        return np.nan
    threshold = max(np.quantile(levels, 0.99, method="hazen") - _QUIET_DB, levels.min())
    speech = [(start, end) for sounds, start, end in _spans(times, levels, threshold, len(sound)) if sounds]
    nuclei = _nuclei(times, levels, threshold)
    voiced = pitch[np.abs(voiced_at[:, None] - nuclei).argmin(axis=0)] > 0
    count = sum(any(start <= time <= end for start, end in speech) for time in nuclei[voiced])
    return count / sum(end - start for start, end in speech) if count else np.nan


def _nuclei(times: Array, levels: Array, threshold: float) -> Array:
    """Times of the maxima above a level that are followed by a dip and another."""
    before, here, after = levels[:-2], levels[1:-1], levels[2:]
    (peaks,) = np.nonzero((here > before) & (here >= after))
    shifts, tops = parabola(before[peaks], here[peaks], after[peaks])
    loud = tops > threshold
    peaks, shifts, tops = peaks[loud] + 1, shifts[loud], tops[loud]
    if len(peaks) < 2:
        return np.empty(0)
    dips = np.minimum.reduceat(levels, peaks)
    followed = (tops - dips > _DIP_DB)[:-1]
    found: Array = (times[peaks] + shifts * (times[1] - times[0]))[:-1][followed]
    return found


def _spans(times: Array, levels: Array, threshold: float, samples: int) -> list[Span]:
    """Speech and pauses: short bursts are no speech, and then short silences are no pauses."""
    sounds = levels >= threshold
    changes = 1 + np.flatnonzero(sounds[1:] != sounds[:-1])
    edges = [0.0, *times[changes], samples / SAMPLE_RATE]
    states = sounds[[0, *changes]]
    spans = [(bool(state), start, end) for state, (start, end) in zip(states, pairwise(edges), strict=True)]
    return _without_short(_without_short(spans, True, _SOUND_S), False, _PAUSE_S)


def _without_short(spans: list[Span], kind: bool, least_s: float) -> list[Span]:
    """Turn spans of one kind that are too short into the other, and join what then lies side by side."""
    joined: list[Span] = []
    for sounds, start, end in spans:
        state = sounds != (sounds == kind and end - start < least_s)
        if joined and joined[-1][0] == state:
            start = joined.pop()[1]
        joined.append((state, start, end))
    return joined
