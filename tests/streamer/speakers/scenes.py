"""Made-up scenes: who speaks when, and what a flawless segmentation and voice print would say of it."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streamer.speakers.tracker import Answer, PrintRequest, SpeakerTracker, TrackerSettings

WINDOW = 589
HOP = 59
SIZE = 16
SETTINGS = TrackerSettings(window_frames=WINDOW, print_size=SIZE)


@dataclass(frozen=True)
class Scene:
    """Turns (first frame, frame after the last, speaker), at most two at once; each speaker has a print."""

    turns: list[tuple[int, int, int]]
    frames: int

    def active(self) -> NDArray[np.bool_]:
        """[frames, speakers]."""
        speakers = 1 + max((speaker for *_, speaker in self.turns), default=0)
        active = np.zeros((self.frames, speakers), dtype=np.bool_)
        for start, end, speaker in self.turns:
            active[start:end, speaker] = True
        return active

    def window(self, start: int, order: np.random.Generator) -> NDArray[np.float64]:
        """Scores of the window from a frame on, its speakers in any order [WINDOW, 3]."""
        active = self.active()
        heard = np.zeros((WINDOW, active.shape[1]))
        begin, end = max(0, start), min(start + WINDOW, self.frames)
        heard[begin - start : end - start] = active[begin:end]
        speaking = np.flatnonzero(heard.any(0))[:3]
        scores = np.zeros((WINDOW, 3))
        scores[:, order.permutation(3)[: len(speaking)]] = heard[:, speaking]
        return scores

    def voice_print(self, request: PrintRequest) -> NDArray[np.float64]:
        """That of the speaker who speaks most in the frames."""
        frames = np.concatenate([np.arange(start, end) for start, end in request.runs])
        one = np.zeros(SIZE)
        one[int(self.active()[frames].sum(0).argmax())] = 1
        return one


def run(tracker: SpeakerTracker, scene: Scene, seed: int = 0) -> Iterator[Answer]:
    """The answers of a tracker to a scene, window by window."""
    order = np.random.default_rng(seed)
    for end in range(HOP, scene.frames + HOP, HOP):
        requests = tracker.hear(end - WINDOW, scene.window(end - WINDOW, order))
        yield tracker.decide([(request, scene.voice_print(request)) for request in requests])
    yield tracker.finish()
