"""Classifies conversations as in a live stream: with few later turns known, and in a sliding window."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from models.context_encoder import ContextEncoder
from models.conversation import ConversationConfig, ConversationModel, Logits, one_conversation
from models.incremental_context import ConversationWindow, IncrementalModel
from offline_train.batches.sequences import UNSCORED, Embedded, Modality, collate
from offline_train.training.devices import to_device

LOOK_AHEADS = (0, 1, 2, 4)
"""Number of known later turns; 0 is the first emission."""

WINDOWS = (4, 8, 16, 32)
"""Turns of context."""

_AT_ONCE = 4_000_000  # turns x turns x conversations in a batch, to bound the memory of attention


class Windowed(NamedTuple):
    """Fused logits [N, C] in a window: of a turn when it is the newest, and before it leaves the window."""

    first_emission: Tensor
    final: Tensor


@dataclass(frozen=True)
class Streamed:
    """Logits of N scored turns.

    Attributes:
        truth: class indices [N].
        offline: logits with the whole conversation known, each [N, ...].
        look_ahead: logits by number of known later turns, each [N, ...].
        windows: logits by size of the window.
    """

    truth: Tensor
    offline: Logits
    look_ahead: dict[int, Logits]
    windows: dict[int, Windowed]


def stream(
    model: ConversationModel, conversations: Iterable[Embedded], windows: Sequence[int] = WINDOWS
) -> Streamed:
    """Classify conversations offline, with look-ahead and in windows.

    Args:
        model: Stages II and III, or `one_modality`.
        conversations: conversations with at least one scored turn in total.
        windows: sizes of the windows.
    """
    truth: list[Tensor] = []
    whole: list[Logits] = []
    ahead: dict[int, list[Logits]] = {turns: [] for turns in LOOK_AHEADS}
    sliding: dict[int, list[Windowed]] = {size: [] for size in windows}
    for conversation in conversations:
        scored = conversation.labels != UNSCORED
        if not scored.any():
            continue
        truth.append(conversation.labels[scored])
        whole.append(Logits(*(each[scored] for each in offline(model, conversation))))
        for turns, logits in look_ahead(model, conversation).items():
            ahead[turns].append(Logits(*(each[scored] for each in logits)))
        # All windows that hold the whole conversation give the same result.
        by_size: dict[int, Windowed] = {}
        for size in windows:
            held = min(size, len(conversation))
            if held not in by_size:
                by_size[held] = Windowed(*(each[scored] for each in windowed(model, conversation, held)))
            sliding[size].append(by_size[held])
    return Streamed(
        torch.cat(truth),
        Logits(*map(torch.cat, zip(*whole, strict=True))),
        {turns: Logits(*map(torch.cat, zip(*parts, strict=True))) for turns, parts in ahead.items()},
        {size: Windowed(*map(torch.cat, zip(*parts, strict=True))) for size, parts in sliding.items()},
    )


@torch.inference_mode()
def offline(model: ConversationModel, conversation: Embedded) -> Logits:
    """Logits, each [K, ...], with the whole conversation known."""
    shown = to_device(conversation, next(model.parameters()).device)
    logits = one_conversation(model, shown.text, shown.speech, shown.evidence)
    return Logits(*(each.cpu() for each in logits))


@torch.inference_mode()
def look_ahead(
    model: ConversationModel, conversation: Embedded, turns: Sequence[int] = LOOK_AHEADS
) -> dict[int, Logits]:
    """Logits, each [K, ...], of every turn by number of known later turns.

    The prefixes of a conversation form a batch; each is computed once for all amounts of look-ahead.
    """
    count = len(conversation)
    classes = model.config.text.classes
    judged = {
        ahead: Logits(*(torch.empty(count, width) for width in (classes, classes, classes, 2)))
        for ahead in turns
    }
    at_once = max(1, _AT_ONCE // count**2)
    for start in range(0, count, at_once):
        lengths = range(start + 1, min(start + at_once, count) + 1)
        read = model(*collate([conversation.prefix(length) for length in lengths])[:4])  # each [B, K, C]
        for ahead, logits in judged.items():
            for row, length in enumerate(lengths):
                last = length == count
                newest = slice(max(0, length - 1 - ahead), length if last else max(0, length - ahead))
                for target, source in zip(logits, read, strict=True):
                    target[newest] = source[row, newest]
    return judged


@torch.inference_mode()
def windowed(model: ConversationModel, conversation: Embedded, size: int) -> Windowed:
    """Fused logits [K, C] of every turn, by the incremental model as used for live streams."""
    # S1 comes from the speaker's earlier turns, however long ago, so it is the same in every window.
    window = ConversationWindow(IncrementalModel(model, None), size)
    count = len(conversation)
    first, final = (torch.empty(count, model.config.text.classes) for _ in range(2))
    for turn, (words, sound) in enumerate(conversation.evidence.tolist()):
        text = conversation.text[turn] if words else None
        voice = conversation.speech[turn] if sound else None
        now = window.append(text, voice, evidence=(words, sound)).fused  # [n, C]
        first[turn] = now[-1]
        final[turn + 1 - len(now) : turn + 1] = now
    return Windowed(first, final)


def one_modality(context: ContextEncoder) -> ConversationModel:
    """Stage II of either modality as a model for the results of `only`."""
    model = ConversationModel(ConversationConfig(context.config))
    model.text = context
    return model.eval()


def only(modality: Modality, conversation: Embedded) -> Embedded:
    """One modality of a conversation, in place of its words."""
    rows = conversation.text if modality == "text" else conversation.speech
    column = 0 if modality == "text" else 1
    present = torch.zeros_like(conversation.present)
    present[:, 0] = conversation.present[:, column]
    return replace(conversation, text=rows, speech=rows[:, :0], present=present)
