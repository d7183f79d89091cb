"""`--bundle auto`: the larger bundle where it is there and fast enough, and said once."""

import logging
import shutil
from math import inf
from pathlib import Path

import pytest
import torch

from models.errors import BundleError
from streamer.settings.settings import Settings
from streamer.turn_embedding import choose_bundle as module
from streamer.turn_embedding.choose_bundle import AUTO, choose_bundle, names, sentence_s
from tests.tiny import LABELS, make_bundle


@pytest.fixture
def bundles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Path:
    """A folder with a small bundle and a larger one, which differ in their emotions."""
    for name, labels in (("meld-small", LABELS), ("meld-base", (*LABELS, "fear"))):
        made = make_bundle(tmp_path / "made" / name, labels=labels, words_only=True)
        shutil.copytree(made, tmp_path / "bundles" / name)
    for place in ("models.bundle.BUNDLES", "streamer.turn_embedding.choose_bundle.BUNDLES"):
        monkeypatch.setattr(place, tmp_path / "bundles")
    caplog.set_level(logging.INFO)
    return tmp_path / "bundles"


@pytest.mark.parametrize(("longest_s", "emotions"), [(inf, 4), (0.0, 3)])
def test_the_larger_one_is_taken_where_time_allows(
    bundles: Path,
    longest_s: float,
    emotions: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(module, "LONGEST_S", longest_s)
    assert len(choose_bundle(AUTO).labels) == emotions
    [said] = [record.getMessage() for record in caplog.records if record.name == module.__name__]
    assert said.startswith("--bundle auto: tiny@1 takes ")
    assert ("takes its place: tiny@1 takes" in said) == (emotions == 3)


def test_the_larger_one_is_missing_or_was_changed(bundles: Path, caplog: pytest.LogCaptureFixture) -> None:
    (bundles / "meld-base" / "model.safetensors").write_bytes(b"else")
    assert len(choose_bundle(AUTO).labels) == 3
    shutil.rmtree(bundles / "meld-base")
    assert len(choose_bundle(AUTO).labels) == 3
    said = [record.getMessage() for record in caplog.records if record.name == module.__name__]
    assert "was changed" in said[0]
    assert "no bundle 'meld-base'" in said[1]


def test_a_bundle_that_is_named_is_taken(bundles: Path) -> None:
    assert len(choose_bundle("meld-base").labels) == 4
    assert len(choose_bundle(Settings().bundle).labels) == 3  # the usual one is no question of time
    with pytest.raises(BundleError, match="no bundle 'meld-large'"):
        choose_bundle("meld-large")


def test_what_is_chosen_among(bundles: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert names("meld-base") == ["meld-base"]
    monkeypatch.setattr(module, "are_installed", lambda name: True)
    assert names(AUTO) == ["meld-base", "meld-small"]
    shutil.rmtree(bundles / "meld-base")
    assert names(AUTO) == ["meld-small"]


def test_a_sentence_takes_some_time_and_leaves_torch_as_it_was(bundles: Path) -> None:
    before = torch.get_num_threads()
    assert 0 < sentence_s(choose_bundle("meld-small")) < 5
    assert torch.get_num_threads() == before
