"""The eight measures of a clip."""

from collections.abc import Callable
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.prosody.frames import Array
from models.prosody.harmonicity import harmonicity
from models.prosody.intensity import intensity
from models.prosody.pitch import PitchTracker
from models.prosody.syllables import articulation_rate
from models.sample_rate import SAMPLE_RATE

_INTENSITY_FLOOR_HZ = 75.0
_PITCH = PitchTracker()
_FULL_SCALE = 32768  # of int16: 1 Pa


@dataclass(frozen=True)
class Prosody:
    """How a clip was spoken, measured as in the SpeechCueLLM study (arXiv 2407.21315); NaN where undefined.

    Attributes:
        duration_s: of the whole clip.
        intensity_db: mean intensity, averaged as energy; dB re 20 uPa if full scale were 1 Pa.
        intensity_deviation_db: standard deviation of the intensity.
        pitch_hz: mean of the voiced frames.
        pitch_deviation_hz: standard deviation of the voiced frames.
        pitch_range_hz: highest less lowest.
        articulation_rate: syllable nuclei a second, without pauses.
        harmonics_to_noise_db: mean of the frames that are not silent.
    """

    duration_s: float
    intensity_db: float
    intensity_deviation_db: float
    pitch_hz: float
    pitch_deviation_hz: float
    pitch_range_hz: float
    articulation_rate: float
    harmonics_to_noise_db: float

    def vector(self) -> Array:
        """The measures in this order [8]: that of the columns of MELD's prosody."""
        return np.array(astuple(self))


def measure(audio: NDArray[np.int16]) -> Prosody:
    """Measure a clip: int16 samples [n] at 16 kHz, n >= 0. It takes 4 MB a second of sound while it works."""
    sound = audio.astype(np.float64) / _FULL_SCALE
    _, levels = intensity(sound, _INTENSITY_FLOOR_HZ)
    _, pitch = _PITCH.track(sound)
    voiced = pitch[pitch > 0]
    ratios = harmonicity(sound)
    return Prosody(
        duration_s=len(audio) / SAMPLE_RATE,
        intensity_db=10 * float(np.log10(_known(np.mean, 10 ** (levels / 10)))),
        intensity_deviation_db=_known(np.std, levels),
        pitch_hz=_known(np.mean, voiced),
        pitch_deviation_hz=_known(np.std, voiced),
        pitch_range_hz=_known(np.ptp, voiced),
        articulation_rate=articulation_rate(sound),
        harmonics_to_noise_db=_known(np.mean, ratios[~np.isnan(ratios)]),
    )


def _known(statistic: Callable[[Array], Any], values: Array) -> float:
    """A statistic of values [n]; NaN if there are none."""
    return float(statistic(values)) if len(values) else np.nan
