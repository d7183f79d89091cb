"""Tracks: the local speakers of overlapping windows, followed from window to window by when they speak."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from streamer.speakers.assignment import best_assignment

_T = TypeVar("_T", bound=np.generic)

_ACTIVE = 0.5
"""Score from which a speaker counts as speaking."""

_MIN_ACTIVE_FRAMES = 12
"""A local speaker of a window speaks at least this long (0.2 s), or it is none."""

_MIN_SHARED = 0.3
"""Part of the shorter activity that a local speaker and a track must share to be the same."""


@dataclass(frozen=True, slots=True)
class Run:
    """Frames in which a track is active.

    Attributes:
        start: first frame, from the start of the stream.
        end: frame after the last one.
        track: number of the track.
    """

    start: int
    end: int
    track: int


@dataclass(slots=True)
class _Track:
    scores: NDArray[np.float64]  # sum over windows [frames]
    taken: NDArray[np.bool_] = field(init=False)  # frames taken for voice prints [frames]

    def __post_init__(self) -> None:
        self.taken = np.zeros(len(self.scores), dtype=np.bool_)


class Tracks:
    """The activities of the tracks within the newest window, averaged over all windows that saw each frame.

    Args:
        frames: of a window.
    """

    def __init__(self, frames: int) -> None:
        self._frames = frames
        self._tracks: dict[int, _Track] = {}
        self._windows = np.zeros(frames)  # that saw each frame
        self._next = 0
        self.start = -frames
        """First frame of the newest window; below 0 while the stream is shorter than a window."""

    def __len__(self) -> int:
        """Number of tracks in the newest window."""
        return len(self._tracks)

    @property
    def end(self) -> int:
        """Frame after the newest window."""
        return self.start + self._frames

    def advance(self, start: int) -> list[Run]:
        """Move on to the window that starts there.

        Returns:
            What the frames hold that no window will see again, in the order of time.

        Raises:
            ValueError: the window does not start later than the one before.
        """
        step = start - self.start
        if step < 0:
            raise ValueError(f"a window that starts at frame {start} came after one at {self.start}")
        settled = self.runs(self.start, min(start, self.end))
        kept = max(0, self._frames - step)
        for track in self._tracks.values():
            track.scores = _shifted(track.scores, kept)
            track.taken = _shifted(track.taken, kept)
        self._windows = _shifted(self._windows, kept)
        self.start = start
        self._tracks = {number: track for number, track in self._tracks.items() if track.scores.any()}
        return settled

    def add(self, scores: NDArray[np.floating]) -> list[int]:
        """Take in the newest window, at the place last moved to.

        Args:
            scores: of the local speakers [frames, speakers], in 0..1.

        Returns:
            The tracks of the local speakers that speak, each another.
        """
        heard = np.where(np.arange(self.start, self.end)[:, None] >= 0, scores, 0.0)
        local = heard[:, (heard > _ACTIVE).sum(0) >= _MIN_ACTIVE_FRAMES].T
        tracks = self._matched(local)
        self._windows += 1
        for row, number in zip(local, tracks, strict=True):
            if number not in self._tracks:
                self._tracks[number] = _Track(np.zeros(self._frames))
            self._tracks[number].scores += row
        return tracks

    def _matched(self, local: NDArray[np.float64]) -> list[int]:
        numbers = list(self._tracks)
        seen = self._windows > 0
        gains = np.zeros((len(local), len(numbers)))
        for column, number in enumerate(numbers):
            before = self.activity(number)[seen]
            for row, now in enumerate(local[:, seen]):
                shared = float(np.minimum(before, now).sum())
                if shared >= max(1.0, _MIN_SHARED * min(before.sum(), now.sum())):
                    gains[row, column] = shared
        found = []
        for column in best_assignment(gains):
            if column is None:
                found.append(self._next)
                self._next += 1
            else:
                found.append(numbers[column])
        return found

    def activity(self, number: int) -> NDArray[np.float64]:
        """Mean score of a track in each frame of the newest window [frames]."""
        return self._tracks[number].scores / np.maximum(self._windows, 1)

    def runs(self, start: int, end: int) -> list[Run]:
        """Where tracks are active, in the order of time.

        Args:
            start: first frame, in the newest window.
            end: frame after the last one.
        """
        part = slice(start - self.start, max(start, end) - self.start)
        return sorted(
            (
                Run(start + first, start + last, number)
                for number in self._tracks
                for first, last in runs_of(self.activity(number)[part] > _ACTIVE)
            ),
            key=lambda run: (run.start, run.track),
        )

    def fresh(self, number: int, end: int) -> NDArray[np.bool_]:
        """Frames in which a track alone is active and that were not taken for a voice print [frames].

        Args:
            number: of the track.
            end: only frames before this one.
        """
        clean = self.activity(number) > _ACTIVE
        for other in self._tracks:
            if other != number:
                clean &= self.activity(other) < _ACTIVE
        clean &= ~self._tracks[number].taken
        clean[max(0, end - self.start) :] = False
        return clean

    def take(self, number: int, frames: NDArray[np.bool_]) -> None:
        """Note that frames [frames] of a track were taken for a voice print."""
        self._tracks[number].taken |= frames

    def __iter__(self) -> Iterator[int]:
        """Iterate over the numbers of the tracks in the newest window."""
        return iter(list(self._tracks))


def runs_of(active: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First index and the one after the last of each run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], active, [False]]).astype(np.int8)))
    return [(int(first), int(last)) for first, last in edges.reshape(-1, 2)]


def _shifted(values: NDArray[_T], kept: int) -> NDArray[_T]:
    moved = np.zeros_like(values)
    if kept:
        moved[:kept] = values[-kept:]
    return moved
