"""Tracks: the local speakers of overlapping windows, followed from window to window by when they speak.

What the segmentation takes for one speaker now and then becomes another, mostly after a silence: such a
chain of local speakers is cut into tracks where the voice turns out to be another.
"""

from dataclasses import dataclass
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
class _Chain:
    """What the segmentation takes for one speaker, from window to window.

    Attributes:
        scores: sum over windows [frames].
        taken: frames taken for voice prints [frames].
        tracks: first frame and number of each track that the chain was cut into, in the order of time.
    """

    scores: NDArray[np.float64]
    taken: NDArray[np.bool_]
    tracks: list[tuple[int, int]]

    @property
    def newest(self) -> int:
        """Number of the last track."""
        return self.tracks[-1][1]


class Tracks:
    """The activities of the tracks within the newest window, averaged over all windows that saw each frame.

    Args:
        frames: of a window.
    """

    def __init__(self, frames: int) -> None:
        self._frames = frames
        self._chains: list[_Chain] = []
        self._windows = np.zeros(frames)  # that saw each frame
        self._next = 0
        self.start = -frames
        """First frame of the newest window; below 0 while the stream is shorter than a window."""

    def __len__(self) -> int:
        """Number of tracks in the newest window."""
        return sum(len(chain.tracks) for chain in self._chains)

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
        for chain in self._chains:
            chain.scores = _shifted(chain.scores, kept)
            chain.taken = _shifted(chain.taken, kept)
            while len(chain.tracks) > 1 and chain.tracks[1][0] <= start:
                del chain.tracks[0]
        self._windows = _shifted(self._windows, kept)
        self.start = start
        self._chains = [chain for chain in self._chains if chain.scores.any()]
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
        chains = self._matched(local)
        self._windows += 1
        for row, chain in zip(local, chains, strict=True):
            chain.scores += row
        return [chain.newest for chain in chains]

    def _matched(self, local: NDArray[np.float64]) -> list[_Chain]:
        seen = self._windows > 0
        gains = np.zeros((len(local), len(self._chains)))
        for column, chain in enumerate(self._chains):
            before = self._mean(chain)[seen]
            for row, now in enumerate(local[:, seen]):
                shared = float(np.minimum(before, now).sum())
                if shared >= max(1.0, _MIN_SHARED * min(before.sum(), now.sum())):
                    gains[row, column] = shared
        matched = [
            self._new_chain() if column is None else self._chains[column] for column in best_assignment(gains)
        ]
        self._chains += [chain for chain in matched if not any(chain is each for each in self._chains)]
        return matched

    def _new_chain(self) -> _Chain:
        self._next += 1
        return _Chain(
            np.zeros(self._frames), np.zeros(self._frames, np.bool_), [(self.start, self._next - 1)]
        )

    def cut(self, track: int, at: int) -> int:
        """Make another track of what a track, the newest of its chain, holds from a frame on.

        Returns:
            Number of the new track.
        """
        chain = self._chain(track)
        self._next += 1
        chain.tracks.append((at, self._next - 1))
        return chain.newest

    def _chain(self, track: int) -> _Chain:
        return next(chain for chain in self._chains if chain.newest == track)

    def _mean(self, chain: _Chain) -> NDArray[np.float64]:
        return chain.scores / np.maximum(self._windows, 1)

    def activity(self, track: int) -> NDArray[np.float64]:
        """Mean score of a track, the newest of its chain, in each frame of the newest window [frames]."""
        chain = self._chain(track)
        mean = self._mean(chain)
        mean[: max(0, chain.tracks[-1][0] - self.start)] = 0
        return mean

    def runs(self, start: int, end: int) -> list[Run]:
        """Where tracks are active, in the order of time.

        Args:
            start: first frame, in the newest window.
            end: frame after the last one.
        """
        found = []
        for chain in self._chains:
            active = self._mean(chain) > _ACTIVE
            ends = [first for first, _ in chain.tracks[1:]] + [self.end]
            for place, ((first, track), last) in enumerate(zip(chain.tracks, ends, strict=True)):
                begin = max(start, first) if place else start
                part = active[max(0, begin - self.start) : max(0, min(end, last) - self.start)]
                found += [Run(begin + one, begin + other, track) for one, other in runs_of(part)]
        return sorted(found, key=lambda run: (run.start, run.track))

    def fresh(self, track: int, end: int) -> NDArray[np.bool_]:
        """Frames in which a track alone is active and that were not taken for a voice print [frames].

        Args:
            track: the newest one of its chain.
            end: only frames before this one.
        """
        chain = self._chain(track)
        clean = (self.activity(track) > _ACTIVE) & ~chain.taken
        for other in self._chains:
            if other is not chain:
                clean &= self._mean(other) < _ACTIVE
        clean[max(0, end - self.start) :] = False
        return clean

    def taken(self, track: int) -> NDArray[np.bool_]:
        """Frames of a track's chain that were taken for a voice print [frames]."""
        return self._chain(track).taken.copy()

    def take(self, track: int, frames: NDArray[np.bool_]) -> None:
        """Note that frames [frames] of a track were taken for a voice print."""
        self._chain(track).taken |= frames


def runs_of(active: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First index and the one after the last of each run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], active, [False]]).astype(np.int8)))
    return [(int(first), int(last)) for first, last in edges.reshape(-1, 2)]


def _shifted(values: NDArray[_T], kept: int) -> NDArray[_T]:
    moved = np.zeros_like(values)
    if kept:
        moved[:kept] = values[-kept:]
    return moved
