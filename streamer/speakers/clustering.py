"""Online clustering: which speaker each track is, by its voice prints.

The idea is that of Coria et al. 2021 ("Overlap-aware low-latency online speaker diarization based on
end-to-end local segmentation", arXiv 2109.06483): constrained assignment of a window's speakers to centroids.
Here whole tracks are assigned, and go on being judged for as long as they are remembered.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streamer.speakers.assignment import best_assignment

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ClusteringSettings:
    """When voices count as the same.

    Attributes:
        speakers: at most so many, 1 or more.
        same: similarity to a speaker, from which a track with enough speech is that speaker.
        merge: similarity from which two speakers are one.
        other: similarity to the earlier speech of its track, below which a voice print is of another voice.
        margin: by so much another speaker must be more similar for a track to be re-labelled.
        long_s: clean speech, in seconds, from which a track may be a new speaker and shapes its speaker's
            centroid.
        remembered: tracks that may be re-labelled, the newest ones.
    """

    speakers: int = 8
    same: float = 0.35
    merge: float = 0.6
    other: float = 0.3
    margin: float = 0.1
    long_s: float = 1.4
    remembered: int = 256


@dataclass(slots=True)
class _Voice:
    """What is known of a track.

    Attributes:
        total: its voice prints, each times its seconds.
        seconds: of clean speech.
        speaker: None until there is a voice print.
        shapes: whether it is a part of its speaker's centroid.
    """

    total: Vector
    seconds: float = 0.0
    speaker: int | None = None
    shapes: bool = False


class OnlineClustering:
    """Speakers of a stream, numbered from 0 in the order they were found; numbers are never given again.

    Args:
        size: of a voice print.
        settings: when voices count as the same.
    """

    def __init__(self, size: int, settings: ClusteringSettings | None = None) -> None:
        self._size = size
        self._settings = settings or ClusteringSettings()
        self._voices: dict[int, _Voice] = {}  # by track, oldest first
        self._totals: dict[int, Vector] = {}  # by speaker
        self._local: list[int] = []  # tracks of the newest window's local speakers
        self._found = 0
        self.merged: list[tuple[int, int]] = []
        """Speakers that turned out to be an earlier one, (number, earlier one), since `relabel`."""

    @property
    def speakers(self) -> list[int]:
        """Numbers of the speakers there are, in the order they were found."""
        return list(self._totals)

    @property
    def remembered(self) -> int:
        """Number of tracks that are remembered."""
        return len(self._voices)

    def speaker(self, track: int) -> int | None:
        """The speaker of a track; None where there was no voice print yet or the track is forgotten."""
        voice = self._voices.get(track)
        return None if voice is None else voice.speaker

    def seconds(self, track: int) -> float:
        """Clean speech of a track that went into voice prints, in seconds."""
        voice = self._voices.get(track)
        return 0.0 if voice is None else voice.seconds

    def is_other(self, track: int, voice_print: NDArray[np.floating]) -> bool:
        """Whether a voice print [size] is of another voice than the earlier speech of its track."""
        voice = self._voices.get(track)
        return (
            voice is not None
            and voice.seconds >= self._settings.long_s
            and float(_unit(voice.total) @ voice_print) < self._settings.other
        )

    def hear(self, track: int, voice_print: NDArray[np.floating], seconds: float) -> None:
        """Take in a voice print of a track, of so many seconds of clean speech.

        Args:
            track: number of the track.
            voice_print: of length 1 [size].
            seconds: above 0.
        """
        voice = self._voice(track)
        self._withdraw(voice)
        voice.total = voice.total + seconds * voice_print
        voice.seconds += seconds
        self._contribute(voice)

    def assign(self, tracks: Sequence[int]) -> None:
        """Give the tracks of a window's local speakers different speakers, where there are voice prints.

        Args:
            tracks: of one window, each another.
        """
        for track in tracks:
            # The latest to be local is the last to be forgotten.
            voice = self._voice(track)
            del self._voices[track]
            self._voices[track] = voice
        self._local = list(tracks)
        heard = [self._voices[track] for track in tracks if self._voices[track].seconds]
        if not heard:
            return
        speakers = self.speakers
        room = len(speakers) < self._settings.speakers
        gains = np.zeros((len(heard), len(speakers) + len(heard)))
        for row, voice in enumerate(heard):
            gains[row, : len(speakers)] = [self._gain(voice, speaker, room) for speaker in speakers]
            if room and self._is_nobody_known(voice):
                gains[row, len(speakers) + row] = 1.0
        # All leave before any arrives: a speaker may change hands.
        moves: list[tuple[_Voice, int | None]] = []
        for voice, column in zip(heard, best_assignment(gains), strict=True):
            chosen = None if column is None else self._speaker(column, speakers)
            if chosen is None and column is not None:
                continue  # no room any more
            if chosen != voice.speaker:
                self._withdraw(voice)
                moves.append((voice, chosen))
        for voice, speaker_now in moves:
            voice.speaker = speaker_now
            self._contribute(voice)
        self._drop_empty()

    def _gain(self, voice: _Voice, speaker: int, room: bool) -> float:
        """Above 0 where the track may be that speaker; 1 is as good as a new one."""
        settings = self._settings
        gain = 1.0 + self._similarity(voice, speaker) - settings.same
        if voice.speaker == speaker:
            gain += settings.margin
        if voice.seconds < settings.long_s:  # the most similar speaker who is left
            return 0.1 * max(gain, 0.1)
        return gain if gain >= 1.0 else 0.0 if room else max(gain, 0.1)

    def _is_nobody_known(self, voice: _Voice) -> bool:
        """Whether a track has enough speech to tell that it is none of the speakers, if there are any."""
        return not self._totals or (
            voice.seconds >= self._settings.long_s
            and all(self._similarity(voice, speaker) < self._settings.same for speaker in self._totals)
        )

    def _speaker(self, column: int, speakers: list[int]) -> int | None:
        if column < len(speakers):
            return speakers[column]
        if len(self._totals) >= self._settings.speakers:
            return None
        number = self._found
        self._found += 1
        self._totals[number] = np.zeros(self._size)
        return number

    def relabel(self) -> dict[int, int]:
        """Judge all remembered tracks again, and the speakers among each other, in the light of all speech.

        Returns:
            New speakers by track.
        """
        self.merged = []
        changed: dict[int, int] = {}
        while (pair := self._same_speakers()) is not None:
            later, earlier = pair
            for track, voice in self._voices.items():
                if voice.speaker == later:
                    voice.speaker = earlier
                    changed[track] = earlier
            self._totals[earlier] = self._totals[earlier] + self._totals.pop(later)
            self.merged.append(pair)
        for track in self._doubtful():
            voice = self._voices[track]
            if (better := self._better(track, voice)) is not None:
                self._move(voice, better)
                changed[track] = better
        self._forget()
        return changed

    def _doubtful(self) -> list[int]:
        """Tracks that may be more similar to another speaker than to their own, judged all at once."""
        tracks = [
            track for track, voice in self._voices.items() if voice.seconds and voice.speaker is not None
        ]
        if not tracks or len(self._totals) < 2:
            return []
        speakers = self.speakers
        voices = [self._voices[track] for track in tracks]
        totals = np.stack([voice.total for voice in voices])
        totals /= np.linalg.norm(totals, axis=1, keepdims=True) + 1e-12
        similar = totals @ np.stack([_unit(self._totals[each]) for each in speakers]).T  # [tracks, speakers]
        rows = np.arange(len(tracks))
        columns = np.array([speakers.index(voice.speaker) for voice in voices if voice.speaker is not None])
        own = np.array(
            [self._similarity(voice, speakers[at]) for voice, at in zip(voices, columns, strict=True)]
        )
        similar[rows, columns] = -1
        return [
            track
            for track, best, now in zip(tracks, similar.max(1), own, strict=True)
            if best > now + self._settings.margin
        ]

    def _better(self, track: int, voice: _Voice) -> int | None:
        """The speaker that a track is far more similar to than to its own, if that is not one beside it."""
        if voice.speaker is None:
            return None
        barred = {self.speaker(other) for other in self._local} if track in self._local else set()
        open_to = [each for each in self._totals if each not in barred and each != voice.speaker]
        if not open_to:
            return None
        now = self._similarity(voice, voice.speaker)
        best = max(open_to, key=lambda each: self._similarity(voice, each))
        there = self._similarity(voice, best)
        return best if there > max(now + self._settings.margin, self._settings.same) else None

    def _same_speakers(self) -> tuple[int, int] | None:
        """Two speakers, (later, earlier), so similar that they are one, and not both in the newest window.

        That they once were in one window is no bar: now and then, the segmentation takes one speaker for two.
        """
        speakers = self.speakers
        if len(speakers) < 2:
            return None
        local = {self.speaker(track) for track in self._local}
        centroids = np.stack([_unit(self._totals[each]) for each in speakers])
        similar = np.triu(centroids @ centroids.T, 1)
        for first, second in zip(*np.nonzero(similar >= self._settings.merge), strict=True):
            earlier, later = speakers[first], speakers[second]
            if not {earlier, later} <= local:
                return later, earlier
        return None

    def _similarity(self, voice: _Voice, speaker: int) -> float:
        """Cosine of a track and the other tracks of a speaker; that of the lone track of a speaker is 1."""
        centroid = self._totals[speaker]
        if voice.speaker == speaker and voice.shapes:
            centroid = centroid - voice.total
            if _is_empty(centroid):
                return 1.0
        return float(_unit(voice.total) @ _unit(centroid))

    def _voice(self, track: int) -> _Voice:
        if track not in self._voices:
            self._voices[track] = _Voice(np.zeros(self._size))
        return self._voices[track]

    def _move(self, voice: _Voice, speaker: int) -> None:
        self._withdraw(voice)
        voice.speaker = speaker
        self._contribute(voice)
        self._drop_empty()

    def _drop_empty(self) -> None:
        """Speakers whom no speech is left of, and no track that is remembered, were none."""
        held = {voice.speaker for voice in self._voices.values()}
        for speaker in self.speakers:
            if speaker not in held and _is_empty(self._totals[speaker]):
                del self._totals[speaker]

    def _withdraw(self, voice: _Voice) -> None:
        if voice.shapes and voice.speaker is not None:
            self._totals[voice.speaker] = self._totals[voice.speaker] - voice.total
        voice.shapes = False

    def _contribute(self, voice: _Voice) -> None:
        if voice.speaker is None:
            return
        total = self._totals[voice.speaker]
        if voice.seconds >= self._settings.long_s or _is_empty(total):
            self._totals[voice.speaker] = total + voice.total
            voice.shapes = True

    def _forget(self) -> None:
        """Of the oldest tracks, only what they gave their speakers stays."""
        while len(self._voices) > self._settings.remembered:
            del self._voices[next(iter(self._voices))]


def _unit(vector: Vector) -> Vector:
    length = float(np.linalg.norm(vector))
    return vector / length if length else vector


def _is_empty(total: Vector) -> bool:
    return bool(np.linalg.norm(total) < 1e-6)
