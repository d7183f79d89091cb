"""Who speaks, from the scores of overlapping windows and from voice prints: a pure state machine."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from streamer.speakers.clustering import ClusteringSettings, OnlineClustering
from streamer.speakers.tracks import Run, Tracks, runs_of

FRAMES_PER_S = 16_000 / 270
"""Frames of the scores in a second."""


@dataclass(frozen=True, slots=True)
class TrackerSettings:
    """What is told when, and what voice prints are asked for.

    Attributes:
        window_frames: of every window.
        print_size: numbers in a voice print.
        delay_frames: the newest frames of a window that are not told yet.
        gap_frames: silence between two stretches of speech, which get voice prints of their own.
        first_print_frames: clean speech for the first voice print of a stretch.
        print_frames: clean speech for a further one.
        short_print_frames: clean speech for the voice print of a stretch that is over.
        longest_print_frames: of speech for one voice print.
        clustering: when voices count as the same.
    """

    window_frames: int = 589
    print_size: int = 192
    delay_frames: int = 30
    gap_frames: int = 24
    first_print_frames: int = 89
    print_frames: int = 237
    short_print_frames: int = 36
    longest_print_frames: int = 178
    clustering: ClusteringSettings = field(default_factory=ClusteringSettings)


@dataclass(frozen=True, slots=True)
class PrintRequest:
    """A voice print that is wanted.

    Attributes:
        track: whose.
        runs: frames of clean speech, each the first one and the one after the last, from the start of the
            stream; all lie in the newest window.
    """

    track: int
    runs: tuple[tuple[int, int], ...]

    @property
    def frames(self) -> int:
        """Number of frames of speech."""
        return sum(end - start for start, end in self.runs)


@dataclass(frozen=True, slots=True)
class Span:
    """Frames in which a speaker speaks.

    Attributes:
        start: first frame, from the start of the stream.
        end: frame after the last one.
        track: what `Answer.relabelled` refers to.
        speaker: number of the speaker; None where nothing is known yet.
        certain: whether a voice print says so; otherwise it is a guess.
    """

    start: int
    end: int
    track: int
    speaker: int | None
    certain: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What a window brought.

    Attributes:
        first: of the frames that are told for the first time.
        settled: of the frames that no later window will see: when each track is active stands fast, whose it
            is may still be re-labelled.
        relabelled: new speakers of earlier tracks.
        merged: speakers that turned out to be an earlier one, (number, earlier one), in this order; for
            tracks that are no longer remembered, too.
    """

    first: list[Span]
    settled: list[Span]
    relabelled: dict[int, int]
    merged: list[tuple[int, int]]


class SpeakerTracker:
    """Follows the speakers of a stream: `hear` a window, compute the prints it asks for, then `decide`.

    Windows come in the order of time, at any distance: a hop, or earlier at a pause. Memory does not grow
    with the stream.
    """

    def __init__(self, settings: TrackerSettings | None = None) -> None:
        self.settings = settings or TrackerSettings()
        self._tracks = Tracks(self.settings.window_frames)
        self._clustering = OnlineClustering(self.settings.print_size, self.settings.clustering)
        self._local: list[int] = []  # tracks of the newest window's local speakers
        self._told = 0  # frames that were told
        self._late: list[Run] = []  # to be told by the next decision, from before the window
        self._left: list[Run] = []  # settled since the last decision
        self._recent: list[int] = []  # speakers, the latest to speak last

    @property
    def speakers(self) -> list[int]:
        """Numbers of the speakers there are, in the order they were found."""
        return self._clustering.speakers

    @property
    def local_speakers(self) -> list[int | None]:
        """Speaker of each local speaker of the newest window; None where there was no voice print yet."""
        return [self._clustering.speaker(track) for track in self._local]

    @property
    def size(self) -> int:
        """Number of tracks that are remembered: what memory grows with, and is bounded."""
        return len(self._tracks) + self._clustering.remembered

    def hear(self, start: int, scores: NDArray[np.floating]) -> list[PrintRequest]:
        """Take in a window.

        Args:
            start: its first frame, from the start of the stream; not before that of the window before.
            scores: of its local speakers [window_frames, speakers], in 0..1.

        Returns:
            The voice prints that `decide` wants.

        Raises:
            ValueError: the window is of another length or comes too late.
        """
        if len(scores) != self.settings.window_frames:
            raise ValueError(f"a window has {len(scores)} frames, not {self.settings.window_frames}")
        # What a jump would leave behind untold.
        self._late += self._untold(min(start, self._tracks.end))
        self._left += self._tracks.advance(start)
        self._local = self._tracks.add(scores)
        return [request for track in self._local for request in self._wanted(track)]

    def _wanted(self, track: int) -> list[PrintRequest]:
        """A voice print of each stretch of speech that has enough for one."""
        settings = self.settings
        # At the very end of a window the scores are least sure.
        until = self._tracks.end - settings.delay_frames // 2
        fresh = self._tracks.fresh(track, until)
        taken = self._tracks.taken(track)
        active = self._tracks.activity(track) > 0.5
        requests = []
        for start, end in _stretches(active, settings.gap_frames):
            frames = np.zeros_like(fresh)
            frames[start:end] = fresh[start:end]
            if start == 0 or taken[start:end].any():  # it began before the window, or was printed
                enough = settings.print_frames
            elif settings.window_frames - end > settings.gap_frames:
                enough = settings.short_print_frames
            else:
                enough = settings.first_print_frames
            if frames.sum() < enough:
                continue
            self._tracks.take(track, frames)
            frames[np.flatnonzero(frames)[: -settings.longest_print_frames]] = False
            first = self._tracks.start
            runs = tuple((first + one, first + other) for one, other in runs_of(frames))
            requests.append(PrintRequest(track, runs))
        return requests

    def decide(self, prints: Sequence[tuple[PrintRequest, NDArray[np.floating]]]) -> Answer:
        """Say who speaks, in the light of the newest window and the voice prints it asked for.

        Args:
            prints: voice prints of length 1 [print_size]; any that could not be computed are left out.
        """
        newest: dict[int, int] = {}  # track that came of one that was cut
        for request, voice_print in prints:
            track = newest.get(request.track, request.track)
            if self._clustering.is_other(track, voice_print):
                cut = self._tracks.cut(track, request.runs[0][0])
                self._local[self._local.index(track)] = newest[request.track] = track = cut
            self._clustering.hear(track, voice_print, request.frames / FRAMES_PER_S)
        before = {track: self._clustering.speaker(track) for track in self._local}
        self._clustering.assign(self._local)
        relabelled = self._clustering.relabel()
        for track in self._local:
            now = self._clustering.speaker(track)
            if now is not None and now != before[track]:
                relabelled[track] = now
        return self._answer(self._tracks.end - self.settings.delay_frames, relabelled)

    def finish(self) -> Answer:
        """What is left to tell at the end of the stream; nothing may be heard afterwards."""
        self._late += self._untold(self._tracks.end)
        self._left += self._tracks.advance(self._tracks.end)
        return self._answer(self._told, {})

    def _answer(self, end: int, relabelled: dict[int, int]) -> Answer:
        first = self._spans(self._late + self._untold(end))
        settled = self._spans(self._left)
        self._late, self._left = [], []
        return Answer(first, settled, relabelled, self._clustering.merged)

    def _untold(self, end: int) -> list[Run]:
        """Where tracks are active up to a frame, as far as it was not told; now it counts as told."""
        start = max(self._told, self._tracks.start)
        if end <= start:
            return []
        self._told = end
        return self._tracks.runs(start, end)

    def _spans(self, runs: Sequence[Run]) -> list[Span]:
        guesses: dict[int, int | None] = {}
        spans = []
        for run in runs:
            known = self._clustering.speaker(run.track)
            if known is None:
                if run.track not in guesses:
                    guesses[run.track] = self._guess(run.track, set(guesses.values()))
                spans.append(Span(run.start, run.end, run.track, guesses[run.track], certain=False))
                continue
            self._recent = [*(each for each in self._recent if each != known), known]
            spans.append(Span(run.start, run.end, run.track, known, certain=True))
        self._recent = self._recent[-self.settings.clustering.speakers :]
        return spans

    def _guess(self, track: int, taken: set[int | None]) -> int | None:
        """The speaker who spoke last and is not another local speaker of the newest window."""
        barred = taken | {self._clustering.speaker(each) for each in self._local if each != track}
        existing = self._clustering.speakers
        return next(
            (each for each in reversed(self._recent) if each in existing and each not in barred), None
        )


def _stretches(active: NDArray[np.bool_], gap: int) -> list[tuple[int, int]]:
    """Runs of activity, those with shorter silence between them as one."""
    stretches: list[tuple[int, int]] = []
    for start, end in runs_of(active):
        if stretches and start - stretches[-1][1] < gap:
            stretches[-1] = (stretches[-1][0], end)
        else:
            stretches.append((start, end))
    return stretches
