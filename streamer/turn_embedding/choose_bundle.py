"""Loads the bundle that `--bundle` names, or the larger one of two where time allows."""

import logging
from time import perf_counter
from typing import TYPE_CHECKING

from models.base_encoder import are_installed
from models.errors import BundleError
from models.paths import BUNDLES, DEFAULT_BUNDLE
from streamer.machine.cores import cores

if TYPE_CHECKING:  # torch, which takes a second to import, is imported where the models are loaded
    from models.bundle import Bundle

AUTO = "auto"
LARGER = "meld-base"

_ENCODER = "all-mpnet-base-v2"

LONGEST_S = 0.06
"""What the words of a sentence may take with the larger bundle."""

_SENTENCE = "well I have no idea why they would do such a thing to you after all that we did for them"
"""Twenty words."""

_TRIES = 5

_log = logging.getLogger(__name__)


def choose_bundle(name: str) -> "Bundle":
    """Load a bundle.

    Args:
        name: a folder, or the name of a bundle that comes with the program. "auto" takes the larger one if it
            is there, its encoder is installed, and this machine embeds a sentence in `LONGEST_S`; else the
            usual one.

    Raises:
        BundleError: it is missing or was changed, or its encoder is not available.
    """
    from models.bundle import load_bundle

    if name != AUTO:
        return load_bundle(name)
    try:
        larger = load_bundle(LARGER)
    except BundleError as error:
        why = str(error)
    else:
        took_s = sentence_s(larger)
        why = f"{larger.name} takes {1000 * took_s:.0f} ms for a sentence, of {1000 * LONGEST_S:.0f} at most"
        if took_s <= LONGEST_S:
            _log.info("--bundle %s: %s", AUTO, why)
            return larger
    usual = load_bundle(DEFAULT_BUNDLE)
    _log.info("--bundle %s: %s takes its place: %s", AUTO, usual.name, why)
    return usual


def names(name: str) -> list[str]:
    """The bundles among which `choose_bundle` chooses: several for "auto"."""
    if name != AUTO:
        return [name]
    there = (BUNDLES / LARGER).is_dir() and are_installed(_ENCODER)
    return [*([LARGER] if there else []), DEFAULT_BUNDLE]


def sentence_s(bundle: "Bundle") -> float:
    """Time to embed a sentence, in seconds, with as many threads as turns have: the best of some tries."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(torch_threads())
    took_s = []
    try:
        for _ in range(_TRIES):
            began = perf_counter()
            bundle.text.embed([_SENTENCE])
            took_s.append(perf_counter() - began)
    finally:
        torch.set_num_threads(threads)
    return min(took_s)


def torch_threads() -> int:
    """Threads of torch: a quarter of the cores, since recognisers run in parallel."""
    return max(1, cores() // 4)
