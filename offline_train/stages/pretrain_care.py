"""Pre-training of CARE as published, on unlabelled speech (arXiv 2409.05566).

From the sound, the semantic encoder learns to predict a frozen text encoder's embedding of the words, and the
acoustic encoder acoustic descriptors of every frame.
"""

import hashlib
import random
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from models.atomic_write import replacing
from models.base_encoder import find_base
from models.care import CareConfig, build_care
from models.sample_rate import SAMPLE_RATE
from models.text_encoder import TextConfig, TextEncoder
from offline_train.batches.augment import WaveAugment, vary
from offline_train.batches.care import CareBatch, CareBatches, Spoken
from offline_train.batches.frame_targets import DIMENSION, HOP, frame_targets
from offline_train.corpora.corpus import Conversation
from offline_train.embeddings.recording_cache import heard
from offline_train.errors import RunFolderError, UsageError
from offline_train.runs.networks import load_text_encoder
from offline_train.runs.run import Run
from offline_train.training.devices import here, to_device
from offline_train.training.fit import FitSettings, fit

if TYPE_CHECKING:
    from models.care_wavlm import WavLMCare


@dataclass(frozen=True)
class PretrainCareSettings:
    """Settings of the pre-training of CARE.

    Attributes:
        care: the base models from which the network starts.
        teacher: text encoder, a folder or a hub name, unless a run is given instead.
        batch: utterances per batch.
        longest_s: longest input in seconds; of longer utterances, a random part is used without their words.
        validation: share of the utterances held out for validation (the paper: 0.2).
        variants: augmented variants of each utterance besides the original; the target descriptors are those
            of the original (as in PASE+).
        wave: augmentation of the samples. Its speed must be 0, or frames would no longer match.
        semantic: weight of the semantic loss.
        fit: settings of the optimisation.
    """

    care: CareConfig = field(default_factory=lambda: CareConfig(kind="wavlm"))
    teacher: str = "all-MiniLM-L6-v2"
    batch: PositiveInt = 16
    longest_s: PositiveFloat = 10.0
    validation: Annotated[float, Field(gt=0, lt=1)] = 0.1
    variants: NonNegativeInt = 1
    wave: WaveAugment = field(default_factory=lambda: WaveAugment(speed=0.0))
    semantic: NonNegativeFloat = 1.0
    fit: FitSettings = field(
        default_factory=lambda: FitSettings(
            epochs=20, learning_rate=1e-3, weight_decay=0.05, average=0.99, precision="bf16"
        )
    )

    def __post_init__(self) -> None:
        """Check the settings.

        Raises:
            ValueError: `wave.speed` is not 0, or CARE is of the kind that is not trained.
        """
        if self.care.kind != "wavlm":
            raise ValueError("care.kind must be wavlm: the other is not trained")
        if self.wave.speed:
            raise ValueError("wave.speed must be 0 in pre-training: frames would no longer match")


class Losses(NamedTuple):
    """Sums of both losses over a batch, relative to the loss of predicting the training mean, and counts."""

    acoustic: Tensor
    frames: Tensor
    semantic: Tensor
    meant: Tensor


class CarePretraining(nn.Module):
    """CARE with layers for pre-training: one predicts descriptors from the acoustic states; for a text
    encoder of another width, one predicts its embedding from the semantic states."""

    def __init__(self, care: "WavLMCare", meaning: int) -> None:
        """Build the network.

        Args:
            care: the encoder.
            meaning: size D of the text encoder's embeddings.
        """
        super().__init__()
        self.care = care
        self.frames = nn.Linear(care.width, DIMENSION)
        self.words = nn.Identity() if care.width == meaning else nn.Linear(care.width, meaning)
        self.register_buffer("mean", torch.zeros(DIMENSION))
        self.register_buffer("scale", torch.ones(DIMENSION))
        self.register_buffer("spread", torch.ones(()))

    def measure(self, utterances: Iterable[Spoken]) -> None:
        """Set mean and scale of the descriptors and the variance of the embeddings from training utterances.

        The layer that predicts embeddings starts at their mean, with a loss of 1.
        """
        count, total, squares = 0, np.zeros(DIMENSION), np.zeros(DIMENSION)
        meanings = []
        for each in utterances:
            rows = each.targets.astype(np.float64)
            count, total, squares = count + len(rows), total + rows.sum(0), squares + np.square(rows).sum(0)
            if each.meaning is not None:
                meanings.append(each.meaning)
        mean = total / count
        deviation = np.sqrt(np.maximum(squares / count - np.square(mean), 0))
        self.mean = torch.tensor(mean, dtype=torch.float32)
        self.scale = torch.tensor(1 / np.maximum(deviation, 1e-3), dtype=torch.float32)
        if len(meanings) > 1:
            self.spread = torch.stack(meanings).var(0).mean().clamp_min(1e-6)
        if meanings and isinstance(self.words, nn.Linear):
            nn.init.zeros_(self.words.weight)
            self.words.bias.data = torch.stack(meanings).mean(0)

    def forward(self, batch: CareBatch) -> Losses:
        """Compute both losses."""
        branches = self.care.branches(batch.inputs, batch.lengths)
        count = min(branches.acoustic.shape[1], batch.targets.shape[1])
        targets = (batch.targets[:, :count] - self.mean) * self.scale
        error = (self.frames(branches.acoustic[:, :count]).float() - targets).square().mean(2)  # [B, T]
        mask = branches.mask[:, :count, 0].float()
        mask = mask * (torch.arange(count, device=mask.device) < batch.frames[:, None])
        states, weight = branches.semantic.float(), branches.mask.float()
        pooled = (states * weight).sum(1) / weight.sum(1)
        distance = (self.words(pooled).float() - batch.meanings).square().mean(1) / self.spread  # [B]
        meant = batch.meant.float()
        return Losses((error * mask).sum(), mask.sum(), (distance * meant).sum(), meant.sum())


def pretrain_care(
    conversations: Sequence[Conversation], settings: PretrainCareSettings, run: Run, text: Run | None = None
) -> dict[str, Any]:
    """Train on all utterances but those held out; the epoch with the least validation loss is kept.

    Utterances without words train the acoustic encoder only; those without sound are skipped.

    Args:
        conversations: unlabelled speech.
        settings: the settings.
        run: the run to write; a killed one is resumed.
        text: run of `pretrain-text` or Stage I whose encoder is the teacher; `settings.teacher` by default.

    Returns:
        Validation losses of both encoders and statistics of the data, as stored in the run. A loss of 1 is
        that of always predicting the training mean.

    Raises:
        CorpusError: no recording can be used.
        UsageError: there are fewer than two utterances with sound.
    """
    torch.manual_seed(settings.fit.seed)
    care = cast("WavLMCare", build_care(settings.care))
    care.unfreeze()
    spoken = _prepare(conversations, care, settings, run, text)
    if len(spoken) < 2:
        raise UsageError(f"pre-training needs two utterances with sound at least, found {len(spoken)}")
    random.Random(settings.fit.seed).shuffle(spoken)
    held = max(1, int(len(spoken) * settings.validation))
    parts = {"train": spoken[held:], "validation": spoken[:held]}
    dimension = next((len(each.meaning) for each in spoken if each.meaning is not None), care.width)
    longest = max(1, int(settings.longest_s * SAMPLE_RATE / HOP))
    torch.manual_seed(settings.fit.seed)
    model = CarePretraining(care, dimension)
    model.measure(parts["train"])

    def batches(generator: torch.Generator) -> CareBatches:
        return CareBatches(parts["train"], settings.batch, longest, care.hop, dimension, generator)

    def loss(batch: CareBatch) -> Tensor:
        acoustic, semantic = _means(model(batch))
        return acoustic + settings.semantic * semantic

    def validate() -> dict[str, float]:
        shown = CareBatches(parts["validation"], settings.batch, longest, care.hop, dimension)
        sums = torch.zeros(4, dtype=torch.float64)
        for batch in shown:
            sums += torch.stack(model(to_device(batch, here().device))).double().cpu()
        acoustic, semantic = (float(value) for value in _means(Losses(*sums)))
        score = -(acoustic + settings.semantic * semantic)
        return {"score": score, "acoustic": acoustic, "semantic": semantic}

    best = fit(model, batches, loss, validate, settings.fit, run.folder, "pre-training on speech")
    losses = {"acoustic": best["acoustic"], "semantic": best["semantic"]}
    metrics = {
        "best_epoch": int(best["epoch"]),
        "train": _described(parts["train"]),
        "validation": {**losses, **_described(parts["validation"])},
    }
    run.finish(nn.ModuleDict({"care": care}), {"care": settings.care}, metrics)
    if here().first:
        shutil.rmtree(run.folder / "prepared", ignore_errors=True)
    return metrics


def load_pretrained(care: "WavLMCare", config: CareConfig, run: Run) -> None:
    """Load the weights of a pre-trained CARE network into `care`.

    Raises:
        RunFolderError: the run is not a finished pre-training, or of another CARE network.
    """
    if not run.finished or "care" not in run.config:
        raise RunFolderError(f"{run.folder} is no finished run of pretrain-care")
    theirs, ours = run.config["care"], asdict(config)
    if different := sorted(name for name in ours if theirs.get(name) != ours[name]):
        changes = " ".join(f"--set care.{name}={theirs.get(name)}" for name in different)
        raise RunFolderError(f"{run.folder} holds another CARE; add {changes}")
    care.unfreeze()
    run.load_weights(nn.ModuleDict({"care": care}))


def _means(losses: Losses) -> tuple[Tensor, Tensor]:
    return losses.acoustic / losses.frames.clamp(min=1), losses.semantic / losses.meant.clamp(min=1)


def _described(part: Sequence[Spoken]) -> dict[str, Any]:
    frames = sum(len(each.targets) for each in part)
    return {
        "utterances": len(part),
        "with_words": sum(each.meaning is not None for each in part),
        "hours": frames * HOP / SAMPLE_RATE / 3600,
    }


def _prepare(
    conversations: Sequence[Conversation],
    care: "WavLMCare",
    settings: PretrainCareSettings,
    run: Run,
    text: Run | None,
) -> list[Spoken]:
    utterances = [utterance for conversation in conversations for utterance in conversation.utterances]

    def make(audio: NDArray[np.int16], random: np.random.Generator) -> list[NDArray[np.float16]]:
        sounds = [audio, *(vary(audio, settings.wave, random) for _ in range(settings.variants))]
        inputs = [care.prepare(sound).numpy() for sound in sounds]
        return [rows.astype(np.float16) for rows in (*inputs, frame_targets(audio))]

    treatment = ["pretrain-care", settings.care, settings.variants, settings.wave]
    recordings = [utterance.recording for utterance in utterances]
    arrays = heard(recordings, make, treatment, run.folder / "prepared", "preparing sound")
    meanings = _meanings([utterance.text for utterance in utterances], settings.teacher, run, text)
    return [
        Spoken(each[:-1], each[-1], meanings.get(utterance.text))
        for utterance, each in zip(utterances, arrays, strict=True)
        if each is not None
    ]


def _meanings(
    texts: Iterable[str | None], teacher: str, run: Run, text: Run | None
) -> Mapping[str | None, Tensor]:
    """Embeddings of texts, by text; cached in the run's folder."""
    said = sorted({each for each in texts if each and each.strip()})
    if not said:
        return {}
    path = run.folder / "prepared" / "meanings.safetensors"
    digest = hashlib.sha256("\0".join([teacher, *said]).encode()).hexdigest()
    if path.exists():
        found = load_file(path)
        if digest in found:
            return dict(zip(said, found[digest], strict=True))
    encoder = load_text_encoder(text) if text else TextEncoder(TextConfig(base=teacher), find_base(teacher))
    rows, _ = encoder.eval().to(here().device).embed(said)
    if here().first:
        with replacing(path) as partial:
            save_file({digest: rows}, partial)
    return dict(zip(said, rows, strict=True))
