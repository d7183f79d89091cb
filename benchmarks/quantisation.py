"""Whether an 8-bit text encoder pays: `python -m benchmarks.quantisation --json OUT`.

The text encoder of the bundle as it is, and with the weights of its linear layers in 8 bits (torch's dynamic
quantisation, per row or per matrix): time for one utterance and for a batch, and weighted F1 on MELD's
validation and test dialogues, read offline by the whole bundle. It pays where it is faster and F1 stays
within 0.2. One thread; the encoders take turns, and figures are medians.
"""

import argparse
import copy
import csv
import shlex
import statistics
import sys
import time
import warnings
from collections import defaultdict
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from sklearn.metrics import f1_score
from torch import Tensor, nn

from benchmarks.conversations import SHARED
from benchmarks.machine import describe_machine, write_result
from benchmarks.progress import progress
from models.bundle import Bundle, load_bundle
from models.conversation import one_conversation
from models.text import TextEncoder

MELD = SHARED / "data" / "meld"
PARTS = {"validation": "dev_sent_emo.csv", "test": "test_sent_emo.csv"}
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


def dialogues(path: Path) -> list[list[tuple[str, str]]]:
    """MELD's dialogues: texts and emotions, in order."""
    found: defaultdict[int, list[tuple[int, str, str]]] = defaultdict(list)
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            turn = (int(row["Utterance_ID"]), row["Utterance"].replace("\x92", "'"), row["Emotion"])
            found[int(row["Dialogue_ID"])].append(turn)
    return [[turn[1:] for turn in sorted(turns)] for _, turns in sorted(found.items())]


def weighted_f1(bundle: Bundle, encoder: TextEncoder, talks: list[list[tuple[str, str]]]) -> float:
    """In percent, of the emotions that the bundle finds with an encoder."""
    texts = [text for talk in talks for text, _ in talk]
    before = [[text for text, _ in talk[:i]] for talk in talks for i in range(len(talk))]
    embedded: Tensor = encoder.embed(texts, before, BATCH)[0]
    true, found, at = [], [], 0
    config = bundle.conversation.config.speech
    for talk in talks:
        words = embedded[at : at + len(talk)]
        at += len(talk)
        sound = torch.zeros(len(talk), 0 if config is None else config.features)
        present = torch.tensor([[True, False]] * len(talk))
        with torch.inference_mode():
            logits = one_conversation(bundle.conversation, words, sound, present).fused
        found += [bundle.labels[i] for i in logits.argmax(-1).tolist()]
        true += [emotion for _, emotion in talk]
    return 100 * float(f1_score(true, found, average="weighted"))


def measure(rounds: int) -> dict[str, Any]:
    """All figures."""
    torch.set_num_threads(1)
    bundle = load_bundle()
    encoders = {
        "float32": bundle.text,
        "int8": quantised(bundle.text, per_row=False),
        "int8 per row": quantised(bundle.text, per_row=True),
    }
    talks = {part: dialogues(MELD / file) for part, file in PARTS.items()}
    texts = [text for talk in talks["test"] for text, _ in talk]
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
        f1 = {part: round(weighted_f1(bundle, encoder, talk), 2) for part, talk in talks.items()}
        plain = result["encoders"].get("float32", {}).get("weighted_f1", f1)
        result["encoders"][name] = {
            "one_ms": round(one, 2),
            "batch_ms": round(many, 1),
            "weighted_f1": f1,
            "within_0.2": all(abs(f1[part] - plain[part]) <= MOST_LOST for part in f1),
        }
    return result


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--json", metavar="OUT", help='file for the result, "-" for stdout alone')
    parser.add_argument("--rounds", type=int, default=50, help="batches that are timed (default 50)")
    arguments = parser.parse_args()
    if not MELD.is_dir():
        print("no ../shared/data/meld beside the repository: nothing to measure on", file=sys.stderr)
        sys.exit(2)
    result = measure(arguments.rounds)
    if arguments.json != "-":
        table = Table("encoder", "one ms", f"batch of {BATCH} ms", *PARTS, "within 0.2", title="Text encoder")
        for name, one in result["encoders"].items():
            f1 = (f"{score:.2f}" for score in one["weighted_f1"].values())
            table.add_row(name, str(one["one_ms"]), str(one["batch_ms"]), *f1, str(one["within_0.2"]))
        Console().print(table)
    if arguments.json:
        command = shlex.join(["python", "-m", "benchmarks.quantisation", *sys.argv[1:]])
        write_result({"command": command, "machine": describe_machine(), **result}, arguments.json)


if __name__ == "__main__":
    main()
