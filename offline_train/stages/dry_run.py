"""One real training step of every stage, on the true shape with random weights: what it will take."""

import math
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from models.care import SpeechClassifier, SpeechConfig
from models.care_wavlm import WavLMCare
from models.coattention import CoAttentionConfig
from models.context_encoder import ContextConfig, ContextEncoder
from models.conversation import ConversationConfig, ConversationModel
from models.text import Tokens
from offline_train.batches.care import CareBatch
from offline_train.batches.frame_targets import DIMENSION
from offline_train.settings.settings import resolve
from offline_train.stages.pretrain_care import CarePretraining, PretrainCareSettings
from offline_train.stages.pretrain_text import PretrainTextSettings
from offline_train.stages.random_models import random_care, random_text_encoder, width_of
from offline_train.stages.stage1_speech import SpeechStageSettings
from offline_train.stages.stage1_text import TextStageSettings
from offline_train.stages.stage2 import ContextStageSettings
from offline_train.stages.stage3 import FusionStageSettings
from offline_train.training.fit import FitSettings

GPU = "NVIDIA A100"
SUSTAINED = 125e12
"""FLOP/s: four tenths of the 312e12 that an A100's data sheet gives for bfloat16, which good code reaches."""

FRAME_S = 0.02
"""Of the descriptors that the acoustic encoder predicts."""

LEAST = 0.02
"""Seconds that a step takes however small the model is: launching its kernels, fetching its batch."""

TOKENS, SECONDS, TURNS, CLASSES = 32, 4.0, 40, 7
"""What a batch is made of: tokens a text, sound an utterance, turns a conversation, emotions."""

PRETRAINING, UTTERANCES, CONVERSATIONS = 119_446, 9_988, 1_038
"""What an epoch is made of: MSP-PODCAST's training share in the paper; MELD's training split."""


@dataclass(frozen=True)
class Cost:
    """What a stage takes.

    Attributes:
        stage: its name.
        parameters: of the model as it is trained, frozen ones included.
        trained: of them, those that change.
        steps: of the whole training, at the batch of its settings.
        flops: of one step, forward and backward, as counted.
        seconds: that step took here, the second of two.
        memory: bytes of weights, gradients and the optimiser's state; of everything at its peak on a GPU.
        loss: of that step.
    """

    stage: str
    parameters: int
    trained: int
    steps: int
    flops: int
    seconds: float
    memory: int
    loss: float

    @property
    def estimated_hours(self) -> float:
        """Of the whole training on one GPU that sustains `SUSTAINED`, at `LEAST` a step."""
        return self.steps * max(LEAST, self.flops / SUSTAINED) / 3600

    @property
    def measured_hours(self) -> float:
        """Of the whole training on this device."""
        return self.steps * self.seconds / 3600


def dry_run(preset: str, config: Path | None = None, only: str | None = None) -> Iterator[Cost]:
    """Take one step of every stage of a preset, one stage after another.

    Raises:
        UsageError: the preset or the file is not right.
        BaseEncoderError: a base that is not of a known shape can't be had.
    """
    for stage, make in _STAGES.items():
        if only in (None, stage):
            yield make(stage, preset, config)


def _step(
    stage: str,
    model: nn.Module,
    loss: Callable[[], Tensor],
    settings: FitSettings,
    steps: int,
    device: torch.device,
) -> Cost:
    """Two steps: one that counts, one that is timed."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=settings.learning_rate, weight_decay=settings.weight_decay)
    half = settings.precision != "fp32" and device.type == "cuda"

    def once() -> float:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            value = loss()
        value.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(parameters, settings.clip)
        optimizer.step()
        return value.item()

    model.train()
    with FlopCounterMode(display=False) as counter:
        once()
    began = time.perf_counter()
    value = once()
    seconds = time.perf_counter() - began
    trained = sum(p.numel() for p in parameters)
    total = sum(p.numel() for p in model.parameters())
    memory = 4 * (total + 3 * trained)
    if device.type == "cuda":
        memory = torch.cuda.max_memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
    if not math.isfinite(value):
        raise RuntimeError(f"{stage}: the loss of a random model is {value}")
    return Cost(stage, total, trained, steps, counter.get_total_flops(), seconds, memory, value)


def _text(stage: str, preset: str, config: Path | None) -> Cost:
    settings: PretrainTextSettings | TextStageSettings
    if stage == "pretrain-text":
        settings, texts = resolve(PretrainTextSettings, stage, preset, config), PRETRAINING
    else:
        settings, texts = resolve(TextStageSettings, stage, preset, config), UTTERANCES
    device = _device()
    with tempfile.TemporaryDirectory() as folder:
        encoder = random_text_encoder(settings.base, settings.train_embeddings, Path(folder), CLASSES).to(
            device
        )
    words = encoder.backbone.get_parameter("embeddings.word_embeddings.weight")
    ids = torch.randint(5, len(words), (settings.batch, TOKENS), device=device)
    mask = torch.ones_like(ids)
    target = torch.randint(CLASSES, (settings.batch,), device=device)

    def loss() -> Tensor:
        return functional.cross_entropy(encoder(Tokens(ids, mask, mask))[1].float(), target)

    steps = settings.fit.epochs * math.ceil(texts / settings.batch)
    return _step(stage, encoder, loss, settings.fit, steps, device)


def _pretrain_care(stage: str, preset: str, config: Path | None) -> Cost:
    settings = resolve(PretrainCareSettings, stage, preset, config)
    device = _device()
    care = random_care(settings.care)
    if isinstance(care, WavLMCare):
        care.unfreeze()
    model = CarePretraining(care, width_of(settings.teacher)).to(device)
    heard = care.prepare(_sound())
    frames = int(SECONDS / FRAME_S)
    batch = CareBatch(
        inputs=heard.expand(settings.batch, *heard.shape).to(device),
        lengths=torch.full((settings.batch,), len(heard), device=device),
        targets=torch.randn(settings.batch, frames, DIMENSION, device=device),
        frames=torch.full((settings.batch,), frames, device=device),
        meanings=torch.randn(settings.batch, width_of(settings.teacher), device=device),
        meant=torch.ones(settings.batch, dtype=torch.bool, device=device),
    )

    def loss() -> Tensor:
        acoustic, count, semantic, meant = model(batch)
        total: Tensor = acoustic / count + settings.semantic * semantic / meant
        return total

    steps = settings.fit.epochs * math.ceil(PRETRAINING / settings.batch)
    return _step(stage, model, loss, settings.fit, steps, device)


def _stage1_speech(stage: str, preset: str, config: Path | None) -> Cost:
    settings = resolve(SpeechStageSettings, stage, preset, config)
    device = _device()
    frozen = settings.care.kind == "wavlm"
    care = random_care(settings.care).to(device)
    care.requires_grad_(requires_grad=not frozen)
    classifier = SpeechClassifier(care.dimension, SpeechConfig(classes=CLASSES)).to(device)
    heard = care.prepare(_sound())
    batch = heard.expand(settings.batch, *heard.shape).to(device)
    lengths = torch.full((settings.batch,), len(heard), device=device)
    target = torch.randint(CLASSES, (settings.batch,), device=device)

    def loss() -> Tensor:
        with torch.set_grad_enabled(not frozen):
            embedding = care(batch, lengths)
        return functional.cross_entropy(classifier(embedding)[1].float(), target)

    steps = settings.fit.epochs * math.ceil(UTTERANCES / settings.batch)
    return _step(stage, nn.ModuleList([care, classifier]), loss, settings.fit, steps, device)


def _stage2(stage: str, preset: str, config: Path | None) -> Cost:
    settings = resolve(ContextStageSettings, stage, preset, config)
    device = _device()
    context = _context(settings, resolve(TextStageSettings, "stage1-text", preset, config).base).to(device)
    x, turns, target = _conversations(settings.batch, context.config.features, device)

    def loss() -> Tensor:
        return functional.cross_entropy(context(x, turns, turns)[1].flatten(0, 1).float(), target.flatten())

    steps = settings.fit.epochs * math.ceil(CONVERSATIONS / settings.batch)
    return _step(stage, context, loss, settings.fit, steps, device)


def _stage3(stage: str, preset: str, config: Path | None) -> Cost:
    settings = resolve(FusionStageSettings, stage, preset, config)
    below = resolve(ContextStageSettings, "stage2", preset, config)
    device = _device()
    base = resolve(TextStageSettings, "stage1-text", preset, config).base
    text, speech = _context(below, base), _context(below, None)
    fusion = CoAttentionConfig(
        text=2 * below.hidden,
        speech=2 * below.hidden,
        width=settings.width,
        heads=settings.heads,
        classes=CLASSES,
        dropout=settings.dropout,
    )
    model = ConversationModel(ConversationConfig(text.config, speech.config, fusion)).to(device)
    model.text.requires_grad_(requires_grad=False)
    if model.speech is not None:
        model.speech.requires_grad_(requires_grad=False)
    t1, turns, target = _conversations(settings.batch, text.config.features, device)
    s1, _, _ = _conversations(settings.batch, speech.config.features, device)

    def loss() -> Tensor:
        fused = model(t1, s1, turns, turns, turns).fused
        return functional.cross_entropy(fused.flatten(0, 1).float(), target.flatten())

    steps = settings.fit.epochs * math.ceil(CONVERSATIONS / settings.batch)
    return _step(stage, model, loss, settings.fit, steps, device)


def _sound() -> NDArray[np.int16]:
    return np.random.default_rng(1).integers(-9000, 9000, int(SECONDS * 16_000), dtype=np.int16)


def _context(settings: ContextStageSettings, base: str | None) -> ContextEncoder:
    """Stage II over the text encoder's embeddings, or over Stage I of the sound (None)."""
    features = SpeechConfig().width
    if base is not None:
        features = width_of(base)
    return ContextEncoder(
        ContextConfig(
            features=features,
            hidden=settings.hidden,
            layers=settings.layers,
            heads=settings.heads,
            classes=CLASSES,
            dropout=settings.dropout,
        )
    )


def _conversations(count: int, features: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Random embeddings [B, K, F], turns [B, K] and class indices [B, K]."""
    return (
        torch.randn(count, TURNS, features, device=device),
        torch.ones(count, TURNS, dtype=torch.bool, device=device),
        torch.randint(CLASSES, (count, TURNS), device=device),
    )


def peak_memory() -> int:
    """Most bytes this process has held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


_STAGES: dict[str, Callable[[str, str, Path | None], Cost]] = {
    "pretrain-text": _text,
    "pretrain-care": _pretrain_care,
    "stage1-text": _text,
    "stage1-speech": _stage1_speech,
    "stage2": _stage2,
    "stage3": _stage3,
}
STAGES = tuple(_STAGES)
"""What can be tried."""
