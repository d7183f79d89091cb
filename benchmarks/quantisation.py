"""Whether an 8-bit text encoder pays: `python -m benchmarks.quantisation --json OUT`.

The text encoder of the bundle as it is, and with the weights of its linear layers in 8 bits (torch's dynamic
quantisation, per row or per matrix): time for one utterance and for a batch, and weighted F1 on MELD's
validation and test dialogues, read offline by the whole bundle. It pays where it is faster and F1 stays
within 0.2. One thread; the encoders take turns, and figures are medians.
"""

import copy
import statistics
import time
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import nn

from benchmarks.command import need, parser, report
from benchmarks.conversations import SHARED
from benchmarks.progress import progress
from models.bundle import Bundle, load_bundle
from models.text_encoder import TextEncoder
from offline_train.corpora.corpus import Conversation, Split
from offline_train.corpora.meld import read_meld
from offline_train.evaluation.judge import WORDS, judge_conversations
from offline_train.evaluation.target import bundle_target

MELD = SHARED / "data" / "meld"
PARTS: tuple[Split, ...] = ("validation", "test")
MOST_LOST = 0.2
BATCH = 32


def quantised(encoder: TextEncoder, *, per_row: bool) -> TextEncoder:
    """A copy with linear layers in 8 bits; activations are quantised as they come."""
    from torch.ao import quantization

    kind = quantization.per_channel_dynamic_qconfig if per_row else quantization.default_dynamic_qconfig
    changed = copy.deepcopy(encoder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch means to give it up
        changed.backbone = quantization.quantize_dynamic(  # type: ignore[no-untyped-call]
            changed.backbone, {nn.Linear: kind}
        )
    return changed


def weighted_f1(
    bundle: Bundle, encoder: TextEncoder, dialogues: Sequence[Conversation], split: Split
) -> float:
    """In percent, of the emotions that the bundle finds with an encoder."""
    read = bundle_target(replace(bundle, text=encoder)).embed(dialogues, split)
    found = judge_conversations(bundle.conversation, read, bundle.labels, kept=WORDS)
    return float(found["weighted_f1"])


def measure(rounds: int) -> dict[str, Any]:
    """All figures."""
    torch.set_num_threads(1)
    bundle = load_bundle()
    encoders = {
        "float32": bundle.text,
        "int8": quantised(bundle.text, per_row=False),
        "int8 per row": quantised(bundle.text, per_row=True),
    }
    dialogues = {part: read_meld(MELD, part) for part in PARTS}
    texts = [said.text or "" for dialogue in dialogues["test"] for said in dialogue.utterances]
    spent: dict[str, dict[str, list[float]]] = {name: {"one": [], "batch": []} for name in encoders}
    for i in progress(range(rounds), "timing"):
        batch = [texts[(i * BATCH + j) % len(texts)] for j in range(BATCH)]
        for name, encoder in encoders.items():
            for what, chosen in (("one", batch[:1]), ("batch", batch)):
                began = time.perf_counter()
                encoder.embed(chosen, batch=BATCH)
                spent[name][what].append(1e3 * (time.perf_counter() - began))
    result: dict[str, Any] = {"bundle": bundle.name, "batch": BATCH, "encoders": {}}
    for name, encoder in encoders.items():
        one, many = (statistics.median(spent[name][what]) for what in ("one", "batch"))
        f1 = {part: round(weighted_f1(bundle, encoder, them, part), 2) for part, them in dialogues.items()}
        plain = result["encoders"].get("float32", {}).get("weighted_f1", f1)
        result["encoders"][name] = {
            "one_ms": round(one, 2),
            "batch_ms": round(many, 1),
            "weighted_f1": f1,
            "within_0.2": all(abs(f1[part] - plain[part]) <= MOST_LOST for part in f1),
        }
    return result


def show(result: dict[str, Any], console: Console) -> None:
    """Print the figures as a table."""
    table = Table("encoder", "one ms", f"batch of {BATCH} ms", *PARTS, "within 0.2", title="Text encoder")
    for name, one in result["encoders"].items():
        f1 = (f"{score:.2f}" for score in one["weighted_f1"].values())
        table.add_row(name, str(one["one_ms"]), str(one["batch_ms"]), *f1, str(one["within_0.2"]))
    console.print(table)


def main() -> None:
    """Command line."""
    options = parser(__doc__)
    options.add_argument("--rounds", type=int, default=50, help="batches that are timed (default 50)")
    given = options.parse_args()
    need(MELD)
    report("quantisation", measure(given.rounds), given.json, show)


if __name__ == "__main__":
    main()
