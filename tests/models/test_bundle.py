"""Bundles: what was saved comes back, what was changed is refused."""

import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from models.bundle import MANIFEST, WEIGHTS, _digest, _sha256, load_bundle, save_bundle
from models.errors import BundleError
from models.paths import BUNDLES, DEFAULT_BUNDLE
from models.whisper.packaged_weights import PACKAGED_MODELS
from tests.tiny import LABELS, make_base, make_bundle, tiny_bundle

Content = dict[str, Any]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_bundle(tmp_path)


def rewrite(folder: Path, change: Callable[[Content], object]) -> None:
    """Change the manifest as someone would who knows how digests are made."""
    content = json.loads((folder / MANIFEST).read_text())
    del content["digest"]
    change(content)
    content["digest"] = _digest(content)
    (folder / MANIFEST).write_text(json.dumps(content))


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


def test_a_speech_base_that_is_not_there_is_named(folder: Path, tmp_path: Path) -> None:
    bases = {"speech_base": str(tmp_path / "no-wavlm"), "text_base": str(tmp_path / "no-roberta")}
    rewrite(folder, lambda content: content["care"].update(kind="wavlm", **bases))
    with pytest.raises(BundleError, match="no-wavlm"):
        load_bundle(folder)


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    with pytest.raises(BundleError, match=WEIGHTS):
        load_bundle(folder)


def test_a_pickle_in_place_of_the_weights_is_never_loaded(folder: Path, tmp_path: Path) -> None:
    """Even where the hashes were made to fit."""

    class Trap:
        def __reduce__(self) -> tuple[object, tuple[Path]]:
            return Path.touch, (tmp_path / "sprung",)

    payload = pickle.dumps(Trap())
    (folder / WEIGHTS).write_bytes(payload)
    entry = {"sha256": _sha256(payload), "bytes": len(payload)}
    rewrite(folder, lambda content: content["files"].update({WEIGHTS: entry}))
    with pytest.raises(BundleError):
        load_bundle(folder)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("made", [1, 2])
def test_an_earlier_format_is_refused_whatever_is_in_it(folder: Path, made: int) -> None:
    rewrite(folder, lambda content: content.update(format=made, care={"kind": "small", "bins": 80}))
    with pytest.raises(BundleError, match="made by an earlier version: make or fetch it again") as caught:
        load_bundle(folder)
    assert "\n" not in str(caught.value)


def test_a_later_format_asks_for_an_upgrade(folder: Path) -> None:
    rewrite(folder, lambda content: content.update(format=4, novelty={"on": True}))
    with pytest.raises(BundleError, match=r"format 4.*upgrade merits-live") as caught:
        load_bundle(folder)
    assert "\n" not in str(caught.value)


def test_the_ear_is_not_in_the_bundle_and_nobody_else_s_will_do(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not any(name.startswith("care.") for name in stored(folder))
    with monkeypatch.context() as patch:
        files = {**PACKAGED_MODELS["tiny.en"].files, "model.bin": "0" * 64}
        patch.setitem(PACKAGED_MODELS, "tiny.en", replace(PACKAGED_MODELS["tiny.en"], files=files))
        with pytest.raises(BundleError, match=r"bundle .*model\.bin is not the file that is pinned"):
            load_bundle(folder)
    rewrite(folder, lambda content: content["care"].update(whisper="of-nobody"))
    with pytest.raises(BundleError, match="Whisper of-nobody, whose package is not installed"):
        load_bundle(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content.update(temperature=0), "temperature"),
        (lambda content: content.update(labels=["joy", "joy", "anger"]), "labels"),
        (lambda content: content["sentiment"].pop("joy"), "sentiment"),
        (lambda content: content.update(care=None), "go together"),
        (lambda content: content["conversation"].update(fusion=None), "go together"),
        (lambda content: content["conversation"]["speech"].update(classes=9), "classes"),
        (lambda content: content["speech"].update(width=9), "must read"),
        (lambda content: content["care"].update(blocks=0), "blocks"),
        (lambda content: content["care"].update(blocks=2), "weights don't fit"),
        (lambda content: content["conversation"]["text"].update(features=9), "text encoder"),
        (lambda content: content["text"].update(novelty=True), "novelty"),
        (lambda content: content["text"].update({"new\nline": 1}), "new"),
        (lambda content: content["text"].update(dropout=1.5), "dropout"),
        (lambda content: content["conversation"]["text"].update(dropout=-1), "dropout"),
        (lambda content: content["conversation"]["text"].update(layers=10**9), "layers"),
        (lambda content: content["conversation"]["text"].update(hidden=10**9), "hidden"),
        (lambda content: content["conversation"]["text"].update(hidden=8192), "weights don't fit"),
        (lambda content: content["conversation"]["text"].update(heads=3), "cannot be built"),
        (
            lambda content: content["files"].update({"a\0b\n": content["files"]["model.safetensors"]}),
            "null byte",
        ),
        (lambda content: content.update(format="two"), "format"),
        (lambda content: content.pop("format"), "can't be read"),
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused_in_one_line(
    folder: Path, change: Callable[[Content], object], message: str
) -> None:
    rewrite(folder, change)
    with pytest.raises(BundleError, match=message) as caught:
        load_bundle(folder)
    assert "\n" not in str(caught.value)


def test_a_bundle_without_a_speech_path(tmp_path: Path) -> None:
    bundle = tiny_bundle(tmp_path, words_only=True, labels=("negative", "positive"))
    assert bundle.words_only
    assert (bundle.care, bundle.speech, bundle.conversation.speech, bundle.conversation.fusion) == (None,) * 4
    assert bundle.sentiment.tolist() == [[1, 0, 0], [0, 0, 1]]
    assert all(name.startswith(("text.", "conversation.text.")) for name in stored(tmp_path / "bundle"))


def test_probabilities_are_softened_by_the_temperature(tmp_path: Path) -> None:
    bundle = tiny_bundle(tmp_path, temperature=2.0)
    logits = torch.tensor([[1.0, 2.0, 4.0], [0.0, 0.0, 0.0]])
    expected = torch.tensor([[0.5, 1.0, 2.0], [0.0, 0.0, 0.0]]).softmax(1)
    torch.testing.assert_close(bundle.probabilities(logits), expected)


def stored(folder: Path) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = load_file(folder / WEIGHTS)
    return state


def test_only_matrices_are_stored_in_half_precision(folder: Path) -> None:
    state = stored(folder)
    halves = {name for name, value in state.items() if value.dtype == torch.half}
    assert halves == {name for name, value in state.items() if value.ndim >= 2}
    assert sum(value.numel() for name, value in state.items() if name in halves) > 5_000
    assert state["speech.prior"].dtype == torch.float32


def test_weights_that_half_precision_cannot_hold_stay_as_they_are(folder: Path, tmp_path: Path) -> None:
    class Large(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.full((2, 2), 1e6))
            self.register_buffer("statistics", torch.full((2, 2), 0.1))

    save_bundle(tmp_path / "large", load_bundle(folder).manifest, {"text": Large()}, card="")
    state = stored(tmp_path / "large")
    assert torch.equal(state["text.weight"], torch.full((2, 2), 1e6))
    assert torch.equal(state["text.statistics"], torch.full((2, 2), 0.1))


def test_nothing_but_the_bundle_is_left_behind(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", MANIFEST, WEIGHTS]


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


@pytest.mark.parametrize(
    "content", ["[" * 200_000, "", "{}", "[]", "null", '{"digest": 1}', "\x00", '{"a": 1' * 9_000]
)
def test_a_manifest_that_is_none_is_refused_in_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / MANIFEST).write_text(content)
    with pytest.raises(BundleError, match="can't be read"):
        load_bundle(tmp_path)
