"""Frames as FFmpeg's decoders give them, as floats."""

import av
import numpy as np
import pytest
from av.audio.plane import AudioPlane

from streamer.audio.decoding.planar import planar

SAMPLES = 1000


def frame(form: str, layout: str, sound: np.ndarray) -> av.AudioFrame:
    """A frame of int16 or float32 [channels, n], plane by plane: `from_ndarray` is for eight at most."""
    made = av.AudioFrame(form, layout, sound.shape[1])
    planes = sound if made.format.is_planar else [sound.T.ravel()]
    for index, samples in enumerate(planes):
        AudioPlane(made, index).update(np.ascontiguousarray(samples).tobytes())
    return made


@pytest.mark.parametrize("layout", ["mono", "5.1", "7.1", "7.1.2", "hexadecagonal", "22.2"])
@pytest.mark.parametrize("form", ["s16", "s16p", "flt", "fltp"])
def test_each_channel_and_nothing_beyond(form: str, layout: str) -> None:
    """PyAV takes what lies behind the pointers to more than eight planes for more of them, and crashes."""
    channels = av.AudioLayout(layout).nb_channels
    truth = np.random.default_rng(channels).uniform(-0.9, 0.9, (channels, SAMPLES)).astype(np.float32)
    given = np.round(truth * 2**15).astype(np.int16) if form.startswith("s16") else truth
    for _ in range(20):
        heard = planar(frame(form, layout, given))
        assert heard.shape == truth.shape
        assert np.abs(heard - truth).max() < 2**-15


def test_what_is_not_finite_is_silence_and_what_is_too_loud_is_cut() -> None:
    sound = np.array([[np.nan, np.inf, -np.inf, 2, -2, 0.5]], np.float32)
    assert planar(frame("fltp", "mono", sound)).tolist() == [[0, 0, 0, 1, -1, 0.5]]
