"""Diarization of a whole recording by the streaming parts, as if it were live."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from models.sample_rate import SAMPLE_RATE
from models.speakers.segmentation import FRAME_SAMPLES, FRAME_SPAN, WINDOW_SAMPLES, frames_in
from streamer.speakers.networks import load_networks, print_voices, score_windows
from streamer.speakers.segment import Diarization, SpeakerSegment
from streamer.speakers.tracker import Answer, PrintRequest, Span, SpeakerTracker, TrackerSettings

HOP_FRAMES = 59
"""Between windows (1 s)."""

_FRAME_OFFSET = (FRAME_SPAN - FRAME_SAMPLES) // 2
"""Samples from the start of a frame's span to the sound that the frame stands for."""


def diarize(
    audio: NDArray[np.int16],
    speakers: int | None = None,
    *,
    hop_frames: int = HOP_FRAMES,
    settings: TrackerSettings | None = None,
) -> Diarization:
    """Tell who speaks when in a recording, window by window, without looking ahead of the newest window.

    Args:
        audio: int16 [n] at 16 kHz.
        speakers: how many speak at most; None for as many as are found.
        hop_frames: from one window to the next.
        settings: of the tracker, for windows of 10 s; None for the defaults.

    Raises:
        PackagedFilesError: the packaged weights are not installed or not the pinned ones.
    """
    segmentation, voice_print = load_networks()
    settings = settings or TrackerSettings(window_frames=frames_in(WINDOW_SAMPLES))
    if speakers is not None:
        settings = replace(settings, clustering=replace(settings.clustering, speakers=speakers))
    tracker = SpeakerTracker(settings)
    answers = Answers()
    padded = np.concatenate(
        [np.zeros(WINDOW_SAMPLES, np.int16), audio, np.zeros(hop_frames * FRAME_SAMPLES, np.int16)]
    )
    frames = -(-len(audio) // FRAME_SAMPLES)
    for end in range(hop_frames, frames + hop_frames, hop_frames):
        start = end - settings.window_frames
        at = WINDOW_SAMPLES + start * FRAME_SAMPLES - _FRAME_OFFSET
        window = padded[at : at + WINDOW_SAMPLES]
        window = np.pad(window, (0, WINDOW_SAMPLES - len(window)))
        scores = score_windows(segmentation, window[None])[0]
        requests = tracker.hear(start, scores)
        prints = print_voices(voice_print, [request_sound(audio, request) for request in requests])
        answers.add(tracker.decide(list(zip(requests, prints, strict=True))))
    answers.add(tracker.finish())
    return answers.diarization(len(audio) / SAMPLE_RATE)


def request_sound(audio: NDArray[np.int16], request: PrintRequest) -> NDArray[np.int16]:
    """The sound [n] that a voice print is wanted of, in audio [n] that starts with the stream."""
    return np.concatenate([audio[start * FRAME_SAMPLES : end * FRAME_SAMPLES] for start, end in request.runs])


class Answers:
    """Collects the answers for a stream; what was settled is re-labelled with later ones."""

    def __init__(self) -> None:
        self._first: list[Span] = []
        self._settled: list[Span] = []
        self._labels: dict[int, int] = {}  # of tracks, by voice prints
        self._merged: dict[int, int] = {}

    def add(self, answer: Answer) -> None:
        """Take in the next answer."""
        self._first += answer.first
        self._settled += answer.settled
        self._labels.update(answer.relabelled)
        self._merged.update(answer.merged)

    def diarization(self, length_s: float) -> Diarization:
        """Both answers, as segments of the recording of that length, in seconds."""
        return Diarization(
            _segments(((span, span.speaker) for span in self._first), length_s),
            _segments(((span, self._revised(span)) for span in self._settled), length_s),
        )

    def _revised(self, span: Span) -> int | None:
        speaker = self._labels.get(span.track, span.speaker)
        while speaker in self._merged:
            speaker = self._merged[speaker]
        return speaker


def _segments(spans: Iterable[tuple[Span, int | None]], length_s: float) -> list[SpeakerSegment]:
    """Spans of the same speaker that touch or overlap, as one; those of nobody known left out."""
    segments: list[SpeakerSegment] = []
    open_segments: dict[int, SpeakerSegment] = {}
    seconds = FRAME_SAMPLES / SAMPLE_RATE
    for span, speaker in sorted(spans, key=lambda each: each[0].start):
        start, end = span.start * seconds, min(span.end * seconds, length_s)
        if speaker is None or start >= end:
            continue
        before = open_segments.get(speaker)
        if before is not None and start <= before.end_s + 1e-6:
            open_segments[speaker] = replace(before, end_s=max(before.end_s, end))
            continue
        if before is not None:
            segments.append(before)
        open_segments[speaker] = SpeakerSegment(start, end, speaker)
    return sorted([*segments, *open_segments.values()], key=lambda each: (each.start_s, each.speaker))
