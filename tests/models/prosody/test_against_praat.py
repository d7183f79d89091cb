"""Our measures are Praat's on real speech. parselmouth brings Praat; it is GPL, so never a dependency."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from models.prosody.frames import Array
from models.prosody.measures import measure
from offline_train.corpora.audio import load_audio
from offline_train.corpora.corpus import Recording
from tests.models.prosody.sounds import RATE

parselmouth = pytest.importorskip(
    "parselmouth", reason="parselmouth is not installed: pip install --no-deps praat-parselmouth"
)

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
SHARED = ROOT.parent / "shared/data"
# a duration, two levels, three of pitch, the rate (a nucleus in seven), the harmonics-to-noise ratio
ABSOLUTE = np.array([0, 0.005, 0.005, 0, 0, 0, 0, 0.2])
RELATIVE = np.array([0, 0, 0, 0.0005, 0.002, 0.005, 0.15, 0])
RATE_COLUMN = 6
CORPORA = ("emodb", "librispeech", "nemo", "ravdess", "savee", "tess")


def praat(audio: NDArray[np.int16]) -> Array:
    """The eight measures [8] by Praat's own commands."""
    sound: Any = parselmouth.Sound(audio / 32768, RATE)
    call = parselmouth.praat.call
    intensity, pitch, harmonicity = sound.to_intensity(75.0), sound.to_pitch(), sound.to_harmonicity()
    voiced = pitch.selected_array["frequency"]
    voiced = voiced[voiced > 0]
    return np.array(
        [
            sound.get_total_duration(),
            call(intensity, "Get mean", 0, 0, "energy"),
            intensity.values.std(),
            call(pitch, "Get mean", 0, 0, "Hertz"),
            voiced.std() if len(voiced) else np.nan,
            np.ptp(voiced) if len(voiced) else np.nan,
            articulation_rate(sound),
            call(harmonicity, "Get mean", 0, 0),
        ]
    )


def articulation_rate(sound: Any) -> float:
    """Syllable nuclei a second of speech, from Praat's contours."""
    call = parselmouth.praat.call
    intensity = sound.to_intensity(50.0)
    pitch = sound.to_pitch_ac(
        time_step=0.02, pitch_floor=30, pitch_ceiling=450, voicing_threshold=0.25, voiced_unvoiced_cost=0.25
    )
    levels, times = intensity.values[0], intensity.xs()
    threshold = call(intensity, "Get quantile", 0, 0, 0.99) - 25
    below_highest = threshold - call(intensity, "Get maximum", 0, 0, "parabolic")
    grid = call(intensity, "To TextGrid (silences)", below_highest, 0.3, 0.1, "silent", "sounding")
    peaks = [at for at in range(1, len(levels) - 1) if levels[at - 1] < levels[at] >= levels[at + 1]]
    peaks = [at for at in peaks if levels[at] > max(threshold, levels.min())]
    nuclei = [times[at] for at, following in pairwise(peaks) if levels[at] - levels[at:following].min() > 2]
    nuclei = [time for time in nuclei if pitch.get_value_at_time(time) > 0]
    intervals = [call(grid, "Get interval at time", 1, time) for time in nuclei]
    count = sum(call(grid, "Get label of interval", 1, interval) == "sounding" for interval in intervals)
    speech_s = call(grid, "Get total duration of intervals where", 1, "is equal to", "sounding")
    return count / speech_s if count else np.nan


def assert_alike(clips: Iterator[NDArray[np.int16]], share: float) -> None:
    """Each measure is Praat's in this share of the clips; elsewhere a close call went the other way."""
    ours, theirs = np.array([(measure(clip).vector(), praat(clip)) for clip in clips]).swapaxes(0, 1)
    assert np.array_equal(np.isnan(ours), np.isnan(theirs))
    alike = np.isclose(ours, theirs, rtol=RELATIVE, atol=ABSOLUTE, equal_nan=True)
    assert (alike.mean(axis=0) >= share).all(), alike.mean(axis=0)
    as_many_nuclei = np.isclose(ours[:, RATE_COLUMN], theirs[:, RATE_COLUMN], rtol=1e-6, equal_nan=True)
    assert as_many_nuclei.mean() >= 0.85


def pieces() -> Iterator[NDArray[np.int16]]:
    """The sample conversation, three seconds at a time."""
    audio = load_audio(Recording(ROOT / "samples/conversation.flac"))
    yield from np.split(audio, range(3 * RATE, len(audio), 3 * RATE))


def recordings(count: int, seed: int) -> Iterator[NDArray[np.int16]]:
    """So many recordings of each corpus, the same for a seed."""
    rng = np.random.default_rng(seed)
    for corpus in CORPORA:
        paths = sorted((SHARED / corpus).rglob("*.flac"))
        for chosen in rng.choice(len(paths), count, replace=False):
            yield load_audio(Recording(paths[chosen]))


def test_the_sample_conversation() -> None:
    assert_alike(pieces(), share=0.9)


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data")
def test_recordings_of_six_corpora() -> None:
    assert_alike(recordings(10, seed=17), share=0.95)
