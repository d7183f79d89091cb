"""What training takes: `python -m benchmarks.training_cost --json OUT [--preset small] [--stage stage2]`.

One real training step of every stage of a preset, on models of the true shape with random weights, so before
any corpus or weights are at hand: parameters, memory, and the time of the whole training on one GPU
(estimated from the operations of the step; measured, where there is a GPU).
"""

import math
import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.command import parser, report
from benchmarks.random_models import random_care, random_text_encoder, width_of
from models.care_wavlm import WavLMCare
from models.coattention import CoAttentionConfig
from models.context_encoder import ContextConfig, ContextEncoder
from models.conversation import ConversationConfig, ConversationModel
from models.errors import BaseEncoderError
from models.speech_classifier import SpeechClassifier, SpeechConfig
from models.text_encoder import TextConfig, Tokens
from offline_train.batches.care import CareBatch
from offline_train.batches.frame_targets import DIMENSION
from offline_train.errors import UsageError
from offline_train.settings.settings import presets, resolve
from offline_train.stages.pretrain_care import CarePretraining, PretrainCareSettings
from offline_train.stages.pretrain_text import PretrainTextSettings
from offline_train.stages.stage1_speech import SpeechStageSettings
from offline_train.stages.stage1_text import TextStageSettings
from offline_train.stages.stage2 import ContextStageSettings
from offline_train.stages.stage3 import FusionStageSettings
from offline_train.training.settings import FitSettings

GPU = "NVIDIA A100"
SUSTAINED = 125e12
"""FLOP/s: four tenths of the 312e12 that an A100's data sheet gives for bfloat16, which good code reaches."""

LEAST = 0.02
"""Seconds that a step takes however small the model is: launching its kernels, fetching its batch."""

FRAME_S = 0.02
"""Of the descriptors that the acoustic encoder predicts."""

TOKENS, SECONDS, TURNS, CLASSES = 32, 4.0, 40, 7
"""What a batch is made of: tokens a text, sound an utterance, turns a conversation, emotions."""

PRETRAINING, UTTERANCES, CONVERSATIONS = 119_446, 9_988, 1_038
"""What an epoch is made of: MSP-PODCAST's training share in the paper; MELD's training split."""

T = TypeVar("T")


@dataclass(frozen=True)
class Preset:
    """Where settings come from: a preset, and a file over it."""

    name: str
    config: Path | None = None

    def settings(self, kind: type[T], section: str) -> T:
        """Of a section, as `merits-train` reads them."""
        return resolve(kind, section, self.name, self.config)


@dataclass(frozen=True)
class Stage:
    """A stage that can take a step.

    Attributes:
        model: what is trained, frozen parameters included.
        loss: of its batch, anew at each call.
        fit: how it is optimised.
        steps: of the whole training.
    """

    model: nn.Module
    loss: Callable[[], Tensor]
    fit: FitSettings
    steps: int


def training_cost(preset: Preset, only: str | None = None) -> Iterator[dict[str, Any]]:
    """Take one step of every stage, one stage after another.

    Yields:
        stage; parameters, and how many of them are trained; steps of the whole training; of one step flops
        (forward and backward, as counted), seconds (of the second of two) and loss; memory (bytes of weights,
        gradients and the optimiser's state; of everything at its peak on a GPU); hours of the whole training:
        estimated_hours on one GPU that sustains `SUSTAINED`, measured_hours on this device.

    Raises:
        UsageError: the preset or the file is not right.
        BaseEncoderError: a base that is not of a known shape can't be had.
    """
    for name, make in _STAGES.items():
        if only in (None, name):
            with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
                yield {"stage": name, **_cost(make(preset))}


def _cost(stage: Stage) -> dict[str, Any]:
    """Two steps: one that counts, one that is timed."""
    parameters = [p for p in stage.model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=stage.fit.learning_rate, weight_decay=stage.fit.weight_decay)
    device = torch.get_default_device()
    half = stage.fit.precision != "fp32" and device.type == "cuda"

    def once() -> float:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            value = stage.loss()
        value.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(parameters, stage.fit.clip)
        optimizer.step()
        return value.item()

    stage.model.train()
    with FlopCounterMode(display=False) as counter:
        once()
    began = time.perf_counter()
    loss = once()
    seconds = time.perf_counter() - began
    trained = sum(p.numel() for p in parameters)
    total = sum(p.numel() for p in stage.model.parameters())
    memory = 4 * (total + 3 * trained)
    if device.type == "cuda":
        memory = torch.cuda.max_memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
    if not math.isfinite(loss):
        raise RuntimeError(f"the loss of a random model is {loss}")
    flops = counter.get_total_flops()
    return {
        "parameters": total,
        "trained": trained,
        "steps": stage.steps,
        "flops": flops,
        "seconds": seconds,
        "memory": memory,
        "loss": loss,
        "estimated_hours": stage.steps * max(LEAST, flops / SUSTAINED) / 3600,
        "measured_hours": stage.steps * seconds / 3600,
    }


def _text(settings: PretrainTextSettings | TextStageSettings, texts: int) -> Stage:
    config = TextConfig(base=settings.base, train_embeddings=settings.train_embeddings, classes=CLASSES)
    encoder = random_text_encoder(config)
    words = encoder.backbone.get_parameter("embeddings.word_embeddings.weight")
    ids = torch.randint(5, len(words), (settings.batch, TOKENS))
    tokens = Tokens(ids, torch.ones_like(ids), torch.ones_like(ids))
    target = torch.randint(CLASSES, (settings.batch,))
    steps = _steps(settings.fit, texts, settings.batch)
    return Stage(encoder, lambda: cross_entropy(encoder(tokens)[1].float(), target), settings.fit, steps)


def _pretrain_care(preset: Preset) -> Stage:
    settings = preset.settings(PretrainCareSettings, "pretrain-care")
    care, meaning = random_care(settings.care), width_of(settings.teacher)
    assert isinstance(care, WavLMCare)
    care.unfreeze()
    model = CarePretraining(care, meaning)
    inputs, lengths = _sounds(care.prepare(_sound()), settings.batch)
    frames = int(SECONDS / FRAME_S)
    batch = CareBatch(
        inputs,
        lengths,
        targets=torch.randn(settings.batch, frames, DIMENSION),
        frames=torch.full((settings.batch,), frames),
        meanings=torch.randn(settings.batch, meaning),
        meant=torch.ones(settings.batch, dtype=torch.bool),
    )

    def loss() -> Tensor:
        acoustic, count, semantic, meant = model(batch)
        total: Tensor = acoustic / count + settings.semantic * semantic / meant
        return total

    return Stage(model, loss, settings.fit, _steps(settings.fit, PRETRAINING, settings.batch))


def _stage1_speech(preset: Preset) -> Stage:
    settings = preset.settings(SpeechStageSettings, "stage1-speech")
    care = random_care(settings.care).requires_grad_(requires_grad=False)
    classifier = SpeechClassifier(care.dimension, SpeechConfig(classes=CLASSES))
    inputs, lengths = _sounds(care.prepare(_sound()), settings.batch)
    target = torch.randint(CLASSES, (settings.batch,))

    def loss() -> Tensor:
        with torch.no_grad():
            embedding = care(inputs, lengths)
        return cross_entropy(classifier(embedding)[1].float(), target)

    steps = _steps(settings.fit, UTTERANCES, settings.batch)
    return Stage(nn.ModuleList([care, classifier]), loss, settings.fit, steps)


def _stage2(preset: Preset) -> Stage:
    settings = preset.settings(ContextStageSettings, "stage2")
    context = ContextEncoder(_contexts(preset)[0])
    x, turns, target = _conversations(settings.batch, context.config.features)

    def loss() -> Tensor:
        return cross_entropy(context(x, turns, turns)[1].flatten(0, 1).float(), target.flatten())

    return Stage(context, loss, settings.fit, _steps(settings.fit, CONVERSATIONS, settings.batch))


def _stage3(preset: Preset) -> Stage:
    settings = preset.settings(FusionStageSettings, "stage3")
    text, speech = _contexts(preset)
    below = 2 * text.hidden
    fusion = CoAttentionConfig(
        below, below, settings.width, settings.heads, CLASSES, settings.dropout, settings.weighed
    )
    model = ConversationModel(ConversationConfig(text, speech, fusion))
    for frozen in (model.text, model.speech):
        assert frozen is not None
        frozen.requires_grad_(requires_grad=False)
    t1, turns, target = _conversations(settings.batch, text.features)
    s1, _, _ = _conversations(settings.batch, speech.features)
    evidence = turns[..., None].expand(-1, -1, 2).float()

    def loss() -> Tensor:
        fused = model(t1, s1, evidence, turns).fused
        return cross_entropy(fused.flatten(0, 1).float(), target.flatten())

    return Stage(model, loss, settings.fit, _steps(settings.fit, CONVERSATIONS, settings.batch))


def _steps(fit: FitSettings, examples: int, batch: int) -> int:
    return fit.epochs * math.ceil(examples / batch)


def _sound() -> NDArray[np.int16]:
    return np.random.default_rng(1).integers(-9000, 9000, int(SECONDS * 16_000), dtype=np.int16)


def _sounds(heard: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """A batch of the same utterance [B, T, ...], and its lengths [B]."""
    return heard.to(torch.get_default_device()).expand(count, *heard.shape), torch.full((count,), len(heard))


def _contexts(preset: Preset) -> tuple[ContextConfig, ContextConfig]:
    """Stages II: over the text encoder's embeddings, and over Stage I of the sound."""
    stage = preset.settings(ContextStageSettings, "stage2")
    base = preset.settings(TextStageSettings, "stage1-text").base
    text, speech = (
        ContextConfig(features, stage.hidden, stage.layers, stage.heads, CLASSES, stage.dropout)
        for features in (width_of(base), SpeechConfig().width)
    )
    return text, speech


def _conversations(count: int, features: int) -> tuple[Tensor, Tensor, Tensor]:
    """Random embeddings [B, K, F], turns [B, K] and class indices [B, K]."""
    shape = (count, TURNS)
    return torch.randn(*shape, features), torch.ones(shape, dtype=torch.bool), torch.randint(CLASSES, shape)


_STAGES: dict[str, Callable[[Preset], Stage]] = {
    "pretrain-text": lambda preset: _text(
        preset.settings(PretrainTextSettings, "pretrain-text"), PRETRAINING
    ),
    "pretrain-care": _pretrain_care,
    "stage1-text": lambda preset: _text(preset.settings(TextStageSettings, "stage1-text"), UTTERANCES),
    "stage1-speech": _stage1_speech,
    "stage2": _stage2,
    "stage3": _stage3,
}
STAGES = tuple(_STAGES)
"""What can be tried."""


def measure(preset: Preset, only: str | None = None) -> dict[str, Any]:
    """All figures; each stage's are said on stderr as they come."""
    stages = []
    for cost in training_cost(preset, only):
        print(f"{cost['stage']}: a step in {cost['seconds']:.2f} s, loss {cost['loss']:.3f}", file=sys.stderr)
        stages.append(cost)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "preset": preset.name,
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU",
        "peak_memory": peak if sys.platform == "darwin" else 1024 * peak,
        "stages": stages,
    }


def show(result: dict[str, Any], console: Console) -> None:
    """Print the figures as a table."""
    measured = result["device"] != "CPU"
    table = Table(
        *("stage", "weights", "trained", "memory", "step here", "steps", "one GPU"),
        title=f"preset {result['preset']}: one step of every stage on this {result['device']}",
    )
    for cost in result["stages"]:
        hours = cost["measured_hours" if measured else "estimated_hours"]
        table.add_row(
            cost["stage"],
            *(f"{cost[what] / 1e6:.1f} M" for what in ("parameters", "trained")),
            f"{cost['memory'] / 2**30:.2f} GiB",
            f"{cost['seconds']:.2f} s",
            f"{cost['steps']:,}",
            f"{hours:.2f} h" if hours >= 0.1 else f"{60 * hours:.1f} min",
        )
    console.print(table)
    console.print(
        "one GPU: the step as measured here, times all steps"
        if measured
        else f"one GPU: the step's operations, times all steps, on an {GPU} that sustains "
        f"{SUSTAINED / 1e12:.0f} TFLOP/s and needs {1e3 * LEAST:.0f} ms a step at least;"
        " memory: weights, gradients and the optimiser, without activations"
    )
    console.print(f"this process held {result['peak_memory'] / 2**30:.1f} GiB at most")


def main() -> None:
    """Command line."""
    options = parser(__doc__)
    options.add_argument("--preset", default="paper", choices=presets(), help="settings (default paper)")
    options.add_argument(
        "--config", type=Path, metavar="FILE", help="YAML file of settings over the preset's"
    )
    options.add_argument("--stage", choices=STAGES, help="the only stage to try (default: all)")
    given = options.parse_args()
    try:
        result = measure(Preset(given.preset, given.config), given.stage)
    except (UsageError, BaseEncoderError) as error:
        options.error(str(error))
    report("training_cost", result, given.json, show)


if __name__ == "__main__":
    main()
