"""Annotated texts beside a corpus: which are known, how often they are drawn, and that they teach."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from offline_train.annotation.records import Annotation
from offline_train.batches.mix import Mix, MixSettings
from offline_train.corpora.corpus import Conversation, Corpus, Split, Utterance
from offline_train.errors import UsageError
from offline_train.runs.kinds import kind_of
from offline_train.runs.lineage import history
from offline_train.runs.networks import load_text_encoder
from offline_train.runs.run import Run
from offline_train.runs.run_corpus import RunCorpus
from offline_train.stages.stage1_text import TextStageSettings, train_text
from offline_train.training.fit import FitSettings
from tests.tiny import make_base

LABELS = ("neutral", "joy", "anger")


def write(path: Path, rows: list[Annotation]) -> Path:
    path.write_text("".join(row.line() for row in rows), encoding="utf-8")
    return path


def human(label: str, count: int, text: str = "the day") -> list[Annotation]:
    return [
        Annotation(f"{label}{n}", f"{text} {label} {n}", label, "corpus", ("good day",)) for n in range(count)
    ]


def draw(mix: Mix, count: int, seed: int = 1) -> Counter[str]:
    drawn = mix.drawn_for(count, torch.Generator().manual_seed(seed))
    return Counter(LABELS[int(each.target.argmax())] for each in drawn)


def test_names_of_other_corpora_are_known_and_other_emotions_left_out(tmp_path: Path) -> None:
    rows = [*human("happiness", 3), *human("angry", 2), *human("neutral", 1), *human("contempt", 5)]
    mix = Mix([write(tmp_path / "a.jsonl", rows)], LABELS, MixSettings(), 0.3)
    assert mix.texts == {str(tmp_path / "a.jsonl"): 6}
    assert draw(mix, 6) == {"joy": 3, "anger": 2, "neutral": 1}
    [first, *_] = mix.drawn_for(6, torch.Generator())
    assert first.context == ()
    assert first.text.startswith("the day")
    assert sorted(first.target.tolist()) == pytest.approx([0.1, 0.1, 0.8])  # smoothed
    with pytest.raises(UsageError, match=r"b\.jsonl: none of its labels is one of neutral, joy, anger"):
        Mix([write(tmp_path / "b.jsonl", human("contempt", 2))], LABELS, MixSettings(), 0.3)


def test_probabilities_are_kept_as_far_as_their_emotions_are_known(tmp_path: Path) -> None:
    shares = {"happiness": 0.4, "neutral": 0.2, "excited": 0.2, "boredom": 0.2}
    rows = [Annotation("1", "a", "happiness", "teachers:x", probabilities=shares)]
    mix = Mix([write(tmp_path / "a.jsonl", rows)], LABELS, MixSettings(), 0.3)
    [found] = mix.drawn_for(1, torch.Generator())
    assert found.target.tolist() == pytest.approx([0.25, 0.75, 0.0])  # not smoothed again


@pytest.mark.parametrize(("balance", "least", "most"), [(0.0, 10, 40), (1.0, 60, 90)])
def test_a_share_of_every_epoch_is_drawn_and_balanced(
    balance: float, least: int, most: int, tmp_path: Path
) -> None:
    rows = [*human("neutral", 900), *human("joy", 90), *human("anger", 90)]
    mix = Mix([write(tmp_path / "a.jsonl", rows)], LABELS, MixSettings(0.25, balance), 0.1)
    [first, again, other] = (draw(mix, 900, seed) for seed in (1, 1, 2))
    assert first.total() == other.total() == 300  # a quarter of 1,200
    assert first == again != other
    assert least <= first["joy"] <= most
    drawn = mix.drawn_for(900, torch.Generator().manual_seed(1))
    assert len({each.text for each in drawn}) == 300  # none twice


def test_few_texts_are_drawn_again_and_no_share_is_none(tmp_path: Path) -> None:
    file = write(tmp_path / "a.jsonl", human("joy", 3))
    assert draw(Mix([file], LABELS, MixSettings(0.5), 0.1), 10) == {"joy": 10}
    assert not draw(Mix([file], LABELS, MixSettings(0.0), 0.1), 10)
    assert not draw(Mix([], LABELS, MixSettings(), 0.1), 10)


def test_stage1_learns_an_emotion_from_annotations(tmp_path: Path) -> None:
    """The corpus says nothing of cats; what it calls anger, the annotations call angry."""
    base = make_base(tmp_path / "base")
    said = {"joy": "i am happy!", "anger": "you are bad!", "neutral": "the day is a day."}

    def turns(count: int) -> list[Conversation]:
        return [
            Conversation(f"c{n}", tuple(Utterance(label, text, label) for label, text in said.items()))
            for n in range(count)
        ]

    splits: dict[Split, list[Conversation]] = {"train": turns(8), "validation": turns(2), "test": turns(1)}
    corpus = Corpus("meld", LABELS, splits)
    settings = TextStageSettings(
        base=str(base), batch=8, fit=FitSettings(epochs=8, learning_rate=0.01), as_recognised=0.5
    )
    rows = [replace(row, text="the cat") for row in human("angry", 20)]
    file = write(tmp_path / "cats.jsonl", rows)
    (tmp_path / "cats.jsonl.settings.json").write_text(
        '{"source": "dailydialog/train", "command": "merits-train annotate ..."}'
    )
    source = {"corpus": RunCorpus("meld", tmp_path), "settings": settings, "annotations": [file]}
    run = Run.open(tmp_path / "run", source, command="")
    metrics = train_text(corpus, settings, run, annotations=[file])
    assert metrics["annotated"] == {str(file): 20}
    assert metrics["test"]["weighted_f1"] == 100
    _, logits = load_text_encoder(run).embed(["the cat", "i am happy!"])
    assert logits.argmax(1).tolist() == [LABELS.index("anger"), LABELS.index("joy")]
    assert kind_of(run) == "text1"
    made = history({"text1": run})
    assert "merits-train annotate ..." in made["commands"]
    assert len(made["data"]) == 2
