import json
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from offline_train.corpora.citations import CITATIONS, citation
from offline_train.corpora.registry import CORPORA
from offline_train.errors import RunFolderError
from offline_train.runs.lineage import history, lineage
from offline_train.runs.run import Run


def make(folder: Path, corpus: str | None, seed: int = 1, finished: bool = True, **more: Any) -> Path:
    source = {} if corpus is None else {"corpus": {"corpus": corpus, "data": "data"}}
    settings = {"settings": {"fit": {"seed": seed}}, **source, "parents": {}, **more}
    run = Run.open(folder, settings, command=f"merits-train make {folder.name}")
    if finished:
        run.finish(nn.Linear(1, 1), {}, {})
    return folder


def family(root: Path, *, corpus: str = "meld") -> Path:
    """A fusion whose text encoder was pre-trained and then distilled from two teachers."""
    annotations = root / "mood.jsonl"
    annotations.write_text("")
    (root / "mood.jsonl.settings.json").write_text(
        json.dumps({"annotator": "llm:m", "source": "goemotions/train", "prompt": "What\nmood?"})
    )
    pretrained = make(root / "ft", None, annotations=[str(annotations)])
    teachers = [
        make(root / f"teacher{n}", corpus, n, parents={"pretrained": str(pretrained)}) for n in (1, 2)
    ]
    parents = {"pretrained": str(pretrained), "teachers": [str(each) for each in teachers]}
    text1 = make(root / "t1", corpus, parents=parents)
    text2 = make(root / "t2", corpus, parents={"stage1": str(text1)})
    clips = root / "clips"
    for name in ("ravdess", "librispeech"):
        (clips / name).mkdir(parents=True)
    speech1 = make(root / "s1", "ravdess")
    speech2 = make(root / "s2", corpus, parents={"stage1": str(speech1)}, clips=str(clips))
    return make(root / "f", corpus, 3, parents={"text": str(text2), "speech": str(speech2)}, clips=str(clips))


def test_all_that_came_before_is_found_once_and_in_order(tmp_path: Path) -> None:
    runs = lineage(Run(family(tmp_path)), "fusion")
    assert list(runs) == [
        "text1.pretrained",
        "text1.teachers.0",
        "text1.teachers.1",
        "text1",
        "text2",
        "speech1",
        "speech2",
        "fusion",
    ]
    told = history(runs)
    assert told["commands"][0] == "# mood.jsonl: goemotions/train annotated by llm:m (prompt: What mood?)"
    assert told["commands"][1:] == [f"merits-train make {run.folder.name}" for run in runs.values()]
    assert told["seeds"]["text1.teachers.1"] == 2
    assert told["seeds"]["fusion"] == 3
    assert {each["title"].split()[0] for each in told["data"]} == {
        "GoEmotions",
        "MELD",
        "RAVDESS",
        "LibriSpeech",
    }
    assert {each["terms"] for each in told["data"]} >= {"CC BY 4.0"}
    assert told["shareable"]


def test_what_has_seen_iemocap_is_not_to_be_shared(tmp_path: Path) -> None:
    assert not history(lineage(Run(family(tmp_path, corpus="iemocap6")), "fusion"))["shareable"]


def test_all_voices_are_cited_where_their_folder_is_gone(tmp_path: Path) -> None:
    told = history(lineage(Run(make(tmp_path / "s1", "voices")), "speech1"))
    assert {each["title"].split()[0] for each in told["data"]} >= {"RAVDESS", "CREMA-D", "LibriSpeech"}


def test_missing_and_unfinished_ancestors_are_named(tmp_path: Path) -> None:
    gone = make(tmp_path / "t2", "meld", parents={"stage1": str(tmp_path / "nowhere")})
    with pytest.raises(RunFolderError, match="nowhere is missing"):
        lineage(Run(gone), "text2")
    half = make(tmp_path / "half", "meld", finished=False)
    child = make(tmp_path / "child", "meld", parents={"stage1": str(half)})
    with pytest.raises(RunFolderError, match=r"half is not finished.*merits-train make half"):
        lineage(Run(child), "text2")


def test_every_corpus_can_be_cited() -> None:
    assert set(CITATIONS) == set(CORPORA)
    assert not CITATIONS["iemocap"].shareable
    assert citation("mine.txt").title == "mine.txt"
