"""Clips as Stage I of the speech modality is shown them: prepared once, varied at every showing."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.care import Care, pad
from offline_train.augment import FeatureAugment, WaveAugment, respeed, vary
from offline_train.corpora.meld import LABELS
from offline_train.corpora.ravdess import Clip
from offline_train.descriptors import describe


@dataclass(frozen=True)
class Prepared:
    """A clip in the form CARE takes.

    Attributes:
        label: index of its emotion in `LABELS`.
        actor: whose it is.
        plain: the clip as it is, [T, F].
        shown: what training shows: the clip and its variants, [T, F + E], the last columns descriptors
            where the features are frames of log-mel.
    """

    label: int
    actor: int
    plain: Tensor
    shown: tuple[Tensor, ...]


@dataclass(frozen=True)
class Batch:
    """Clips of a batch: features [B, T, F], lengths [B], descriptors [B, T, E], labels [B]."""

    features: Tensor
    lengths: Tensor
    descriptors: Tensor
    labels: Tensor


def prepare(clip: Clip, care: Care, variants: int, augment: WaveAugment, seed: int) -> Prepared:
    """Prepare a clip and its variants, which depend on the clip and the seed alone."""
    random = np.random.default_rng([seed, zlib.crc32(clip.id.encode())])
    shown = [_with_descriptors(care.prepare(clip.audio), clip.audio)]
    for _ in range(variants):
        voice = respeed(clip.audio, augment, random)
        shown.append(_with_descriptors(care.prepare(vary(voice, augment, random)), voice))
    return Prepared(LABELS.index(clip.label), clip.actor, care.prepare(clip.audio), tuple(shown))


def shown_batches(
    clips: Sequence[Prepared], size: int, longest: int, augment: FeatureAugment, generator: torch.Generator
) -> list[Batch]:
    """One epoch of training: every clip once, in random order, as one of its variants, changed again.

    Args:
        clips: to train on.
        size: clips a batch; what is left over after whole batches is not shown.
        longest: frames; of a longer clip a random part is shown, and all batches are padded to it.
        augment: how frames are changed.
        generator: of everything random.
    """
    order = torch.randperm(len(clips), generator=generator).tolist()
    size = min(size, len(clips))

    def pick(count: int) -> int:
        return int(torch.randint(count, (), generator=generator))

    def show(clip: Prepared) -> Tensor:
        frames = augment(clip.shown[pick(len(clip.shown))], clip.plain.shape[1], generator)
        start = pick(max(0, len(frames) - longest) + 1)
        return frames[start : start + longest]

    batches = []
    for first in range(0, len(order) - size + 1, size):
        chosen = [clips[i] for i in order[first : first + size]]
        rows, lengths = pad([show(clip) for clip in chosen])
        # One size for all batches: convolutions are prepared anew for each size, at a cost.
        rows = torch.nn.functional.pad(rows, (0, 0, 0, longest - rows.shape[1]))
        bins = chosen[0].plain.shape[1]
        labels = torch.tensor([clip.label for clip in chosen])
        batches.append(Batch(rows[..., :bins], lengths, rows[..., bins:], labels))
    return batches


def _with_descriptors(frames: Tensor, audio: np.ndarray) -> Tensor:
    return torch.cat([frames, torch.from_numpy(describe(audio, len(frames)))], dim=1)
