"""The heavy calls of diarization: scores of windows and voice prints, for a batch of any streams' sound."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from models.speakers.filterbank import print_features
from models.speakers.segmentation import SegmentationNetwork, load_segmentation, speaker_scores
from models.speakers.voice_print import VoicePrintNetwork, load_voice_print

_PRINT_STEP_SAMPLES = 1600
"""Sound for a voice print is cut to a multiple of this (0.1 s), so that more of it is of the same length."""


def load_networks() -> tuple[SegmentationNetwork, VoicePrintNetwork]:
    """Both networks with their packaged weights.

    Raises:
        PackagedFilesError: they are not installed or not the pinned ones.
    """
    return load_segmentation(), load_voice_print()


def score_windows(network: SegmentationNetwork, windows: NDArray[np.int16]) -> NDArray[np.float32]:
    """Probability that each local speaker of each window speaks.

    Args:
        network: the segmentation.
        windows: int16 [B, n] at 16 kHz.

    Returns:
        [B, `models.speakers.segmentation.frames_in(n)`, 3], in 0..1.
    """
    with torch.inference_mode():
        scores: NDArray[np.float32] = speaker_scores(network(_floats(windows))).numpy()
    return scores


def print_voices(
    network: VoicePrintNetwork, sounds: Sequence[NDArray[np.int16]]
) -> list[NDArray[np.float32]]:
    """Voice prints, those of sounds of the same length together.

    Args:
        network: that of the voice prints.
        sounds: int16 [n] at 16 kHz each, of at least 0.1 s.

    Returns:
        [192] for each, of length 1.
    """
    by_length: defaultdict[int, list[int]] = defaultdict(list)
    for at, sound in enumerate(sounds):
        by_length[len(sound) // _PRINT_STEP_SAMPLES * _PRINT_STEP_SAMPLES].append(at)
    prints: dict[int, NDArray[np.float32]] = {}
    for length, group in by_length.items():
        batch = np.stack([sounds[at][:length] for at in group])
        with torch.inference_mode():
            found = network(print_features(_floats(batch))).numpy()
        prints.update(zip(group, found, strict=True))
    return [prints[at] for at in range(len(sounds))]


def _floats(sound: NDArray[np.int16]) -> torch.Tensor:
    return torch.from_numpy(sound.astype(np.float32) / 32768)
