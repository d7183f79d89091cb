"""Pitch by the autocorrelation method of Boersma (1993), with the settings of Praat's manual."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.prosody.frames import Array, cut, frame_times
from models.prosody.periodicity import DEPTH, around_local_mean, autocorrelation, maxima, relative_peak
from models.sample_rate import SAMPLE_RATE

_PERIODS = 3  # of the floor, in a window


@dataclass(frozen=True)
class PitchTracker:
    """Settings of a pitch analysis, as in "Sound: To Pitch (raw ac)..." of Praat's manual.

    Attributes:
        floor_hz: candidates lie above it.
        ceiling_hz: candidates lie below it.
        step_s: between frames.
        candidates: of a frame, at most, the unvoiced one among them.
        silence: amplitude, as a part of the largest there is, below which a frame is likely unvoiced.
        voicing: strength of the unvoiced candidate.
        octave_cost: by which a higher candidate is preferred, for an octave.
        jump_cost: of a jump by an octave between frames 10 ms apart.
        voicing_cost: of a change between voiced and unvoiced, in frames 10 ms apart.
    """

    floor_hz: float = 75.0
    ceiling_hz: float = 600.0
    step_s: float = 0.01
    candidates: int = 15
    silence: float = 0.03
    voicing: float = 0.45
    octave_cost: float = 0.01
    jump_cost: float = 0.35
    voicing_cost: float = 0.14

    def track(self, sound: Array) -> tuple[Array, Array]:
        """Follow the pitch of a sound, samples [n].

        Returns:
            Times in seconds [F] and pitch in Hz [F], 0 where unvoiced; F = 0 for less than three periods.
        """
        window_s = _PERIODS / self.floor_hz
        times = frame_times(len(sound), window_s, self.step_s)
        if not len(times):
            return times, np.empty(0)
        period = int(SAMPLE_RATE / self.floor_hz)
        window = np.hanning(2 * int(window_s * SAMPLE_RATE / 2))[1:-1]
        windowed = around_local_mean(cut(sound, times, len(window)), period) * window
        correlation = autocorrelation(windowed, window, period + DEPTH + 2)
        found = maxima(correlation, period, self.voicing / 2, self.candidates - 1, self.octave_cost)

        loudness = relative_peak(windowed, period, sound) / self.silence
        unvoiced = self.voicing + np.maximum(0, 2 - loudness * (1 + self.voicing))
        octaves = np.log2(SAMPLE_RATE / found.lags / self.ceiling_hz)  # [F, C]
        octaves = np.where((found.heights > -np.inf) & (octaves < 0), octaves, np.nan)
        strength = np.where(np.isnan(octaves), -np.inf, found.heights + self.octave_cost * octaves)
        octaves = np.column_stack([np.full(len(times), np.nan), octaves])  # NaN where unvoiced
        path = best_path(np.column_stack([unvoiced, strength]), self._changes(octaves))
        return times, np.nan_to_num(self.ceiling_hz * 2 ** octaves[np.arange(len(times)), path])

    def _changes(self, octaves: Array) -> Array:
        """Costs from each candidate [F, C], NaN if unvoiced, to each of the next frame -> [F - 1, C, C]."""
        before, after = octaves[:-1, :, None], octaves[1:, None, :]
        jumps = self.jump_cost * np.abs(before - after)
        switches = self.voicing_cost * (np.isnan(before) != np.isnan(after))
        return 0.01 / self.step_s * np.where(np.isnan(jumps), switches, jumps)


def best_path(strength: Array, changes: Array) -> NDArray[np.intp]:
    """The candidates of greatest strength less the costs of changes, by dynamic programming (Viterbi).

    Args:
        strength: of each candidate of each frame [F, C].
        changes: costs from each of them to each of the next frame [F - 1, C, C].

    Returns:
        A candidate for each frame [F].
    """
    came_from = np.zeros(strength.shape, np.intp)
    columns = np.arange(strength.shape[1])
    total = strength[0]
    for frame, cost in enumerate(changes, start=1):
        reached = total[:, None] - cost
        came_from[frame] = reached.argmax(axis=0)
        total = reached[came_from[frame], columns] + strength[frame]
    path = np.full(len(strength), total.argmax())
    for frame in range(len(changes), 0, -1):
        path[frame - 1] = came_from[frame, path[frame]]
    return path
