"""Bundles that came from somewhere: `bundle.json` with a digest that fits, and the weights."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fuzz.target import Run, Target
from models.bundle import MANIFEST, WEIGHTS, load_bundle
from tests.tiny import make_bundle

_BETWEEN = b"\0\0\0\n"
"""Between the manifest and the weights; without it the weights are those of the seed."""


@contextmanager
def start(folder: Path) -> Iterator[Run]:
    """Load a bundle whose hashes and digest are right, whatever else it says."""
    bundle = make_bundle(folder / "made")
    weights = (bundle / WEIGHTS).read_bytes()
    base = json.loads((bundle / MANIFEST).read_text("utf-8"))["text"]["base"]

    def run(data: bytes) -> None:
        manifest, sign, other = data.partition(_BETWEEN)
        (bundle / WEIGHTS).write_bytes(other if sign else weights)
        (bundle / MANIFEST).write_bytes(_sealed(manifest, base, other if sign else weights))
        load_bundle(bundle)

    yield run


def _sealed(manifest: bytes, base: str, weights: bytes) -> bytes:
    """The manifest with this machine's base encoder, the weights' hash and its digest, where it is JSON."""
    try:
        content = json.loads(manifest)
        content["text"]["base"] = (
            base if content["text"]["base"] == "BASE" else str(content["text"]["base"])[:1]
        )
        content["files"][WEIGHTS]["sha256"] = hashlib.sha256(weights).hexdigest()
        content.pop("digest", None)
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        content["digest"] = hashlib.sha256(canonical.encode()).hexdigest()
        return json.dumps(content).encode()
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
        return manifest


BUNDLE = Target("bundle", "bundle", start, share=1, words="bundle", longest=8192)
