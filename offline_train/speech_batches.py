"""Clips as Stage I of the speech modality is shown them: prepared once, varied at every showing."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.care import Care, pad
from models.features import FRAME_SHIFT_MS, SAMPLE_RATE
from offline_train.augment import FeatureAugment, WaveAugment, vary
from offline_train.corpora.meld import LABELS
from offline_train.corpora.ravdess import Clip

SAMPLES_A_FRAME = int(SAMPLE_RATE * FRAME_SHIFT_MS / 1000)


@dataclass(frozen=True)
class Prepared:
    """A clip in the form CARE takes.

    Attributes:
        label: index of its emotion in `LABELS`.
        actor: whose it is.
        frames: the clip as it is, [T, F], then its variants.
    """

    label: int
    actor: int
    frames: tuple[Tensor, ...]


@dataclass(frozen=True)
class Batch:
    """Clips of a batch: features [B, T, F], lengths [B], labels [B]."""

    features: Tensor
    lengths: Tensor
    labels: Tensor


def prepare(clip: Clip, care: Care, variants: int, augment: WaveAugment, seed: int) -> Prepared:
    """Prepare a clip and its variants, which depend on the clip and the seed alone."""
    random = np.random.default_rng([seed, zlib.crc32(clip.id.encode())])
    sounds = [clip.audio, *(vary(clip.audio, augment, random) for _ in range(variants))]
    return Prepared(LABELS.index(clip.label), clip.actor, tuple(care.prepare(sound) for sound in sounds))


def shown_batches(
    clips: Sequence[Prepared], size: int, longest: int, augment: FeatureAugment, generator: torch.Generator
) -> list[Batch]:
    """One epoch of training: every clip once, in random order, as one of its variants, changed again.

    Args:
        clips: to train on.
        size: clips a batch; what is left over after whole batches is not shown.
        longest: frames of 10 ms; of a longer clip a random part is shown. All batches are padded to it.
        augment: how frames are changed.
        generator: of everything random.
    """
    order = torch.randperm(len(clips), generator=generator).tolist()
    size = min(size, len(clips))

    def pick(count: int) -> int:
        return int(torch.randint(count, (), generator=generator))

    are_samples = clips[0].frames[0].ndim == 1  # left as `vary` made them
    limit = longest * SAMPLES_A_FRAME if are_samples else longest

    def show(clip: Prepared) -> Tensor:
        frames = clip.frames[pick(len(clip.frames))]
        if not are_samples:
            frames = augment(frames, generator)
        start = pick(max(0, len(frames) - limit) + 1)
        return frames[start : start + limit]

    batches = []
    for first in range(0, len(order) - size + 1, size):
        chosen = [clips[i] for i in order[first : first + size]]
        shown = [show(clip) for clip in chosen]
        # One size for all batches: convolutions are prepared anew for each size, at a cost.
        rows, lengths = pad([*shown, torch.zeros(limit, *shown[0].shape[1:])])
        batches.append(Batch(rows[:-1], lengths[:-1], torch.tensor([clip.label for clip in chosen])))
    return batches
