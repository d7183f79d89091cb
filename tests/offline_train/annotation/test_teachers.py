"""Runs of Stage I as annotators."""

from pathlib import Path

import pytest
import torch

from offline_train.annotation.records import read_annotations
from offline_train.corpora.corpus import Corpus
from offline_train.runs.networks import load_text_encoder
from offline_train.runs.run import Run
from offline_train.runs.run_corpus import RunCorpus
from offline_train.stages.stage1_text import TextStageSettings, train_text
from offline_train.training.fit import FitSettings
from tests import tiny
from tests.offline_train.annotation.conftest import Command
from tests.offline_train.miniatures import make_iemocap, make_meld


def stage1(source: RunCorpus, base: Path, folder: Path, seed: int) -> Run:
    corpus: Corpus = source.read()
    settings = TextStageSettings(base=str(base), fit=FitSettings(epochs=1, learning_rate=1e-3, seed=seed))
    run = Run.open(folder, {"settings": settings, "corpus": source, "parents": {}}, command="")
    train_text(corpus, settings, run)
    return run


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """Two teachers of MELD's emotions and one of IEMOCAP's."""
    there = tmp_path_factory.mktemp("teachers")
    base = tiny.make_base(there / "base")
    meld = RunCorpus("meld", make_meld(there / "meld", clips=False))
    iemocap = RunCorpus("iemocap", make_iemocap(there / "iemocap"))
    return {
        "one": stage1(meld, base, there / "one", 1),
        "two": stage1(meld, base, there / "two", 2),
        "other": stage1(iemocap, base, there / "other", 1),
    }


def test_their_mean_opinion_is_written(
    annotate: Command, runs: dict[str, Run], texts: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.jsonl"
    chosen = [runs["one"], runs["two"]]
    line = ["teachers", "--texts", texts, "--out", out]
    for run in chosen:
        line += ["--teacher", run.folder]
    assert annotate(*line).code == 0
    found = read_annotations(out)
    assert len(found) == 30
    opinions = [load_text_encoder(run).eval().embed([each.text for each in found])[1] for run in chosen]
    mean = torch.stack([logits.softmax(1) for logits in opinions]).mean(0)
    for each, row in zip(found, mean.tolist(), strict=True):
        assert each.probabilities is not None
        assert list(each.probabilities.values()) == pytest.approx(row, abs=0.01)  # perhaps in half precision
        assert each.label == max(each.probabilities, key=each.probabilities.__getitem__)
        assert each.annotator == f"teachers:{chosen[0].folder}+{chosen[1].folder}"


def test_what_cannot_teach_is_refused(
    annotate: Command, runs: dict[str, Run], texts: Path, tmp_path: Path
) -> None:
    line = ("teachers", "--texts", texts, "--out", tmp_path / "o.jsonl")
    none = annotate(*line)
    assert none.code == 2
    assert "--teacher" in none.err
    unlike = annotate(*line, "--teacher", runs["one"].folder, "--teacher", runs["other"].folder)
    assert unlike.code == 2
    assert "different emotions" in unlike.err
    absent = annotate(*line, "--teacher", tmp_path / "nowhere")
    assert absent.code == 2
    assert "nowhere" in absent.err
    misplaced = annotate(*line, "--teacher", runs["one"].folder, "--bundle", "meld-small")
    assert misplaced.code == 2
    assert "--bundle" in misplaced.err
