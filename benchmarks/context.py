"""What a turn costs as the conversation grows: `python -m benchmarks.context --json OUT`.

Time per turn at turn 10, 100, 1,000 and 10,000: of the incremental networks (`models.incremental_context`)
and of all that is done per turn (`streamer.session.turn_revisions`), with a full window: one of 8 turns by
turn 10, the default of 32 by turn 100. Conversations of all lengths take turns in each round, so that noise
meets them alike; figures are medians over the turns from there on. Then the offline model on all of a
conversation of up to 1,000 turns, as one would recompute it for the newest, against the window's step in the
same rounds; and the bytes a conversation holds after 100 and 10,000 turns. One thread; the bundle that comes
with the program.
"""

import gc
import statistics
import sys
import time
from collections.abc import Callable, Collection, Sequence
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from benchmarks.command import parser, report
from benchmarks.progress import progress
from models.bundle import Bundle, load_bundle
from models.conversation import one_conversation
from models.incremental_context import ConversationWindow
from models.manifest import SENTIMENTS
from streamer.session.turn_revisions import Conversation
from streamer.turn_embedding.analyzer import Utterance

LENGTHS = (10, 100, 1_000, 10_000)
HELD_AFTER = (100, 10_000)
WINDOWS = (8, 32)
RECOMPUTED = (10, 100, 1_000)
WORDS = "what a turn may well say in the middle of a conversation"


class Turns:
    """Random turns, the same at the same number: T1 [text features] and embeddings of voices [D]."""

    def __init__(self, bundle: Bundle, count: int) -> None:
        generator = torch.Generator().manual_seed(0)
        config = bundle.conversation.config
        self.text = torch.randn(count, config.text.features, generator=generator)
        width = 0 if bundle.care is None else bundle.care.dimension
        self.voices = torch.randn(count, width, generator=generator)

    def utterance(self, number: int) -> Utterance:
        """The turn as the analyzer would give it."""
        i = number % len(self.text)
        voice = self.voices[i] if self.voices.shape[1] else None
        return Utterance(f"{WORDS} {number:05}", self.text[i], voice)


def say(conversation: Conversation, turns: Turns, first: int, count: int) -> None:
    """Add so many turns."""
    for number in range(first, first + count):
        conversation.add(number, turns.utterance(number))


def per_turn(
    bundle: Bundle, turns: Turns, window: int, rounds: int, at: Sequence[int] = LENGTHS
) -> dict[str, Any]:
    """Milliseconds for the newest turn from each of these lengths on that find the window full.

    Returns:
        Of all that is done (`conversation`) and of the networks alone: the median at each length, and the
        last over the first.
    """
    whole, networks = {}, {}
    lengths = [length for length in at if length > window]
    for length in progress(lengths, f"window {window}"):
        whole[length] = Conversation(bundle, window)
        networks[length] = ConversationWindow(bundle.incremental, window)
        for number in range(length - 1):
            heard = turns.utterance(number)
            whole[length].add(number, heard)
            networks[length].append(heard.text_embedding, heard.speech_embedding)
    spent: dict[str, dict[int, list[float]]] = {
        what: {length: [] for length in lengths} for what in ("conversation", "networks")
    }
    for number in range(rounds):
        heard = turns.utterance(number)
        for length in lengths:
            one, other = whole[length], networks[length]
            spent["conversation"][length].append(_ms(one.add, number, heard))
            spent["networks"][length].append(_ms(other.append, heard.text_embedding, heard.speech_embedding))
    result: dict[str, Any] = {}
    for what, by_length in spent.items():
        medians = {length: statistics.median(times) for length, times in by_length.items()}
        result[what] = {f"turn_{length}_ms": round(ms, 3) for length, ms in medians.items()}
        result[what]["last_over_first"] = round(medians[lengths[-1]] / medians[lengths[0]], 3)
    return result


def against_recomputing(
    bundle: Bundle, turns: Turns, window: int, rounds: int, at: Sequence[int] = RECOMPUTED
) -> dict[str, Any]:
    """The newest turn at each of these lengths: the window's step, against the offline model on all turns.

    Stage I, which is of each turn by itself, is not recomputed.
    """
    result = {}
    for length in at:
        networks = ConversationWindow(bundle.incremental, window)
        for number in range(length):
            heard = turns.utterance(number)
            networks.append(heard.text_embedding, heard.speech_embedding)
        text, voices = turns.text[:length], turns.voices[:length]
        speech = voices if bundle.speech is None else bundle.speech(voices).s1
        present = torch.ones(length, 2, dtype=torch.bool)
        one_by_one: list[float] = []
        recomputed: list[float] = []
        with torch.inference_mode():
            for _ in range(rounds):
                recomputed.append(_ms(one_conversation, bundle.conversation, text, speech, present))
                for _ in range(10):
                    one_by_one.append(_ms(networks.append, heard.text_embedding, heard.speech_embedding))
        step, whole = statistics.median(one_by_one), statistics.median(recomputed)
        result[f"turn_{length}"] = {
            "incremental_ms": round(step, 3),
            "recomputed_ms": round(whole, 2),
            "ratio": round(whole / step, 1),
        }
    return result


def held_bytes(root: object, shared: Collection[object] = ()) -> int:
    """Bytes of everything reachable from an object: tensors' storages, and Python objects.

    Networks are left out (conversations share them), and so are classes, functions and modules. A number
    counts wherever it stands, and as a small one: Python lets some share an object, by chance.

    Args:
        root: where to begin.
        shared: left out likewise; of tensors, whatever shares their memory.
    """
    seen = {id(each) for each in shared}
    weights = {each.untyped_storage().data_ptr() for each in shared if isinstance(each, Tensor)}
    storages: dict[int, int] = {}
    total = 0
    queue = [root]
    while queue:
        each = queue.pop()
        if isinstance(each, int | float):
            total += sys.getsizeof(1)
            continue
        if id(each) in seen or isinstance(each, nn.Module | Bundle | type | FunctionType | ModuleType):
            continue
        seen.add(id(each))
        total += sys.getsizeof(each)
        if isinstance(each, np.ndarray) and each.base is not None:
            queue.append(each.base)
        if isinstance(each, Tensor):
            storage = each.untyped_storage()
            storages[storage.data_ptr()] = 0 if storage.data_ptr() in weights else storage.nbytes()
        queue += gc.get_referents(each)
    return total + sum(storages.values())


def memory(bundle: Bundle, turns: Turns, window: int, after: Sequence[int] = HELD_AFTER) -> dict[str, int]:
    """Bytes that a conversation holds after so many turns."""
    conversation = Conversation(bundle, window)
    networks = (*vars(bundle.incremental).values(), *bundle.conversation.parameters())
    if bundle.speech is not None:
        networks = (*networks, bundle.speech.prior)
    shared = (*bundle.labels, *SENTIMENTS, *networks)
    said = 0
    held = {}
    for count in after:
        say(conversation, turns, said, count - said)
        said = count
        held[f"after_{count}_turns"] = held_bytes(conversation, shared)
    return held


def _ms(step: Callable[..., object], *arguments: object) -> float:
    began = time.perf_counter()
    step(*arguments)
    return 1e3 * (time.perf_counter() - began)


def measure(rounds: int) -> dict[str, Any]:
    """All figures."""
    torch.set_num_threads(1)
    bundle = load_bundle()
    for network in bundle.incremental.networks:
        network.trace()
    turns = Turns(bundle, RECOMPUTED[-1])
    result: dict[str, Any] = {"bundle": bundle.name, "rounds": rounds, "windows": {}}
    for window in WINDOWS:
        result["windows"][str(window)] = {
            **per_turn(bundle, turns, window, rounds),
            "recomputing": against_recomputing(bundle, turns, window, max(rounds // 20, 5)),
            "bytes_held": memory(bundle, turns, window),
        }
    return result


def show(result: dict[str, Any], console: Console) -> None:
    """Print the figures as tables."""
    columns = [f"turn {length:,} ms" for length in LENGTHS]
    table = Table("window", "of", *columns, "last / first", title="Time per turn")
    for window, one in result["windows"].items():
        for what in ("conversation", "networks"):
            found = (one[what].get(f"turn_{length}_ms") for length in LENGTHS)
            times = ("" if ms is None else f"{ms:.2f}" for ms in found)
            table.add_row(window, what, *times, f"{one[what]['last_over_first']:.2f}")
    console.print(table)
    for window, one in result["windows"].items():
        again = one["recomputing"][f"turn_{RECOMPUTED[-1]}"]
        held = ", ".join(
            f"{held:,} bytes {when.replace('_', ' ')}" for when, held in one["bytes_held"].items()
        )
        console.print(
            f"window {window}: {again['ratio']:.0f} times as fast as recomputing {RECOMPUTED[-1]:,} turns;"
            f" {held}"
        )


def main() -> None:
    """Command line."""
    options = parser(__doc__)
    options.add_argument("--rounds", type=int, default=200, help="turns timed at each length (default 200)")
    given = options.parse_args()
    report("context", measure(given.rounds), given.json, show)


if __name__ == "__main__":
    main()
