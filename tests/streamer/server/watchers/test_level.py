"""How loud a stream is, whatever the length of its frames."""

import numpy as np
import pytest

from streamer.audio.frame import FRAME_SAMPLES, LONGEST_FRAME, AudioFrame
from streamer.server.watchers.level import FLOOR_DBFS, Level


@pytest.mark.parametrize("length", [FRAME_SAMPLES, LONGEST_FRAME, LONGEST_FRAME + 100])
def test_the_loudest_20_ms_count(length: int) -> None:
    sound = np.zeros(LONGEST_FRAME + 100, np.int16)
    sound[FRAME_SAMPLES : 2 * FRAME_SAMPLES] = 3277  # a tenth of full scale
    level = Level()
    for at in range(0, len(sound), length):
        level.hear(AudioFrame(sound[at : at + length], at))
    assert level.take() == pytest.approx(-20, abs=0.1)
    assert level.take() is None
    level.hear(AudioFrame(sound[:100], 0))
    assert level.take() == FLOOR_DBFS
