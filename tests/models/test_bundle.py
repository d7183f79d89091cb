"""Bundles: what was saved comes back, what was changed is refused."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from models.bundle import MANIFEST, WEIGHTS, load_bundle
from models.errors import BundleError
from models.paths import BUNDLES, DEFAULT_BUNDLE
from tests.tiny import LABELS, make_base, make_bundle


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_bundle(tmp_path)


def test_a_bundle_comes_back_as_it_was_saved(folder: Path) -> None:
    one, other = load_bundle(folder), load_bundle(folder)
    assert one.labels == LABELS
    assert one.name == "tiny@1"
    assert torch.equal(one.text.embed(["I am happy!"])[0], other.text.embed(["I am happy!"])[0])
    assert not any(parameter.requires_grad for parameter in one.conversation.parameters())
    assert not one.text.training


def test_every_byte_counts(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for name in sorted(path.name for path in folder.iterdir()):
        whole = (folder / name).read_bytes()
        for position in {0, len(whole) - 2, *rng.integers(0, len(whole) - 1, 20).tolist()}:
            if whole[position : position + 1].isspace():
                continue  # white space in JSON means nothing
            changed = bytearray(whole)
            changed[position] ^= 1
            (folder / name).write_bytes(changed)
            with pytest.raises(BundleError, match="changed"):
                load_bundle(folder)
        (folder / name).write_bytes(whole)
    load_bundle(folder)


def test_another_base_encoder_is_refused(folder: Path) -> None:
    make_base(folder.parent / "base", seed=1)
    with pytest.raises(BundleError, match="not the pinned ones"):
        load_bundle(folder)


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    with pytest.raises(BundleError, match=WEIGHTS):
        load_bundle(folder)


def test_a_pickle_in_place_of_the_weights_is_never_loaded(folder: Path, tmp_path: Path) -> None:
    """Even where the hashes were made to fit."""
    from models.bundle import _digest, _sha256

    class Trap:
        def __reduce__(self) -> tuple[object, tuple[Path]]:
            return Path.touch, (tmp_path / "sprung",)

    content = json.loads((folder / MANIFEST).read_text())
    payload = pickle.dumps(Trap())
    (folder / WEIGHTS).write_bytes(payload)
    content["files"][WEIGHTS] = {"sha256": _sha256(payload), "bytes": len(payload)}
    del content["digest"]
    content["digest"] = _digest(content)
    (folder / MANIFEST).write_text(json.dumps(content))
    with pytest.raises(BundleError):
        load_bundle(folder)
    assert not (tmp_path / "sprung").exists()


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(BundleError, match=DEFAULT_BUNDLE):
        load_bundle("nothing-of-that-name")


def test_the_shipped_bundle_is_small_and_says_how_it_was_made() -> None:
    folder = BUNDLES / DEFAULT_BUNDLE
    bundle = load_bundle(folder)
    assert sum(path.stat().st_size for path in folder.iterdir()) < 25e6
    assert len(bundle.labels) == 7
    assert len(bundle.manifest.training["commands"]) >= 6
    card = (folder / "README.md").read_text()
    for command in bundle.manifest.training["commands"]:
        assert command in card
    assert f"{bundle.manifest.metrics['bundle_test']['bundle_offline']['weighted_f1']:.2f}" in card
