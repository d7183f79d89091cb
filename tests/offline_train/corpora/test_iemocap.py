"""IEMOCAP: the full release in miniature, broken in the ways that happen, and the prepared corpus."""

import json
from pathlib import Path

import numpy as np
import pytest

from offline_train.corpora.corpus import Corpus, Utterance
from offline_train.corpora.errors import CorpusError
from offline_train.corpora.registry import read_corpus
from tests.offline_train.miniatures import make_iemocap

SHARED = Path(__file__).parents[4] / "shared/data/iemocap"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data/iemocap")
FIRST = "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt"


def sessions(corpus: Corpus, split: str) -> set[int]:
    return {int(c.id[3:5]) for name, part in corpus.splits.items() if name == split for c in part}


def utterances(corpus: Corpus) -> list[Utterance]:
    return [u for part in corpus.splits.values() for c in part for u in c.utterances]


def test_the_full_release(tmp_path: Path) -> None:
    corpus = read_corpus("iemocap", make_iemocap(tmp_path))
    assert [sessions(corpus, split) for split in ("train", "validation", "test")] == [{2, 3, 4}, {1}, {5}]
    dialogue = corpus.splits["validation"][0]
    assert [u.label for u in dialogue.utterances] == ["angry", "happy", "happy", "neutral", "sad", None, None]
    assert [u.valence for u in dialogue.utterances] == [1, 1.5, 2, 2.5, 3, 3.5, 4]
    assert {(u.arousal, u.dominance) for u in dialogue.utterances} == {(2.75, 2.25)}
    first = dialogue.utterances[0]
    assert (first.id, first.text, first.speaker) == ("Ses01F_impro01_F000", "I am angry!", "Ses01F")
    assert first.recording is not None
    assert first.recording.path.is_file()
    assert first.recording.path.name == "Ses01F_impro01_F000.wav"
    above = read_corpus("iemocap", tmp_path)
    assert above == corpus


def test_one_session_left_out(tmp_path: Path) -> None:
    folder = make_iemocap(tmp_path, dialogues=1)
    for fold, validation in [(1, 2), (4, 5), (5, 1)]:
        corpus = read_corpus("iemocap", folder, fold=fold)
        assert sessions(corpus, "test") == {fold}
        assert sessions(corpus, "validation") == {validation}
        assert sessions(corpus, "train") == {1, 2, 3, 4, 5} - {fold, validation}
    with pytest.raises(CorpusError, match="fold 0: there are 5"):
        read_corpus("iemocap", folder, fold=0)


def test_six_ways(tmp_path: Path) -> None:
    corpus = read_corpus("iemocap6", make_iemocap(tmp_path, dialogues=4))
    assert [len(part) for part in corpus.splits.values()] == [14, 2, 4]
    assert [c.id for c in corpus.splits["validation"]] == ["Ses04F_impro03", "Ses04F_impro04"]
    assert sessions(corpus, "test") == {5}
    labels = [u.label for u in corpus.splits["test"][0].utterances]
    assert labels == ["angry", "happy", "excited", "neutral", "sad", "frustrated", None]


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("Session3", "expected Session3/dialog/EmoEvaluation"),
        (
            "Session1/dialog/transcriptions/Ses01F_impro01.txt",
            r"expected Ses01F_impro01\.txt in .*transcriptions",
        ),
        (
            "Session2/sentences/wav/Ses02F_impro01/Ses02F_impro01_F001.wav",
            r"expected Ses02F_impro01_F001\.wav in .*Ses02F_impro01",
        ),
    ],
)
def test_what_is_missing_is_said(tmp_path: Path, what: str, message: str) -> None:
    folder = make_iemocap(tmp_path, dialogues=1)
    (folder / what).rename(tmp_path / "elsewhere")
    assert_refused(folder, message)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\tang\t", "\tangst\t", r"Ses01F_impro01\.txt line \d+ is not .* a known emotion"),
        ("[1.0000, 2.7500, 2.2500]", "[1.0000, 2.7", r"line \d+ is not"),
        ("[1.0000, 2.7500", "[1.0.0, 2.7500", r"line \d+ is not"),
        ("F_impro01_F000\tang", "F_impro01_F007\tang", "has no line of Ses01F_impro01_F007"),
        ("[", "(", "has no line"),
    ],
)
def test_what_is_broken_is_said(tmp_path: Path, old: str, new: str, message: str) -> None:
    folder = make_iemocap(tmp_path, dialogues=1)
    text = (folder / FIRST).read_text()
    assert old in text
    (folder / FIRST).write_text(text.replace(old, new))
    assert_refused(folder, message)


def assert_refused(folder: Path, message: str, **options: str) -> None:
    with pytest.raises(CorpusError, match=message) as caught:
        read_corpus("iemocap", folder, features=options.get("features"))
    assert "\n" not in str(caught.value)


def test_sound_has_no_prepared_features(tmp_path: Path) -> None:
    assert_refused(make_iemocap(tmp_path, dialogues=1), "no prepared features", features="gemaps47")


def make_prepared(folder: Path) -> Path:
    rows: list[dict[str, object]] = [
        {
            "id": f"Ses0{session}F_impro01_F00{place}",
            "dialogue": f"Ses0{session}F_impro01",
            "session": session,
            "pos": place,
            "speaker": f"Ses0{session}F",
            "start": float(place),
            "end": place + 0.5,
            "text": "Hello.",
            "raw": ("neu", "fru")[place],
            "y4": (2, -1)[place],
            "vad": [2.5, 3.5, 1.5],
        }
        for session in range(1, 6)
        for place in range(2)
    ]
    write_prepared(folder, rows)
    return folder


def write_prepared(folder: Path, rows: list[dict[str, object]], drop: int = 0) -> None:
    (folder / "utterances.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    ids = [row["id"] for row in rows][drop:]
    gemaps = np.arange(47 * len(ids), dtype=np.float32).reshape(-1, 47)
    np.savez(folder / "features.npz", id=np.array(ids), gemaps47=gemaps, bert_iaan=gemaps[:, :4])


def test_prepared_features_go_with_their_utterances(tmp_path: Path) -> None:
    corpus = read_corpus("iemocap", make_prepared(tmp_path))
    (dialogue,) = corpus.splits["validation"]
    assert [u.label for u in dialogue.utterances] == ["neutral", None]
    assert {(u.valence, u.arousal, u.dominance) for u in dialogue.utterances} == {(2.5, 3.5, 1.5)}
    speech = dialogue.utterances[1].speech
    assert speech is not None
    assert speech.dtype == np.float32
    assert speech[0] == 47
    last = corpus.splits["test"][0].utterances[-1].speech
    assert last is not None
    assert last[-1] == 47 * 10 - 1


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ("bert_iaan", "has seen the whole dialogue"),
        ("gemaps47+bert_iaan", "has seen the whole dialogue"),
        ("mfcc", "no features named 'mfcc'; it has gemaps47"),
        ("gemaps47+", "no features named ''; it has gemaps47"),
    ],
)
def test_features_that_are_none(tmp_path: Path, features: str, message: str) -> None:
    assert_refused(make_prepared(tmp_path), message, features=features)


def test_features_side_by_side(tmp_path: Path) -> None:
    make_prepared(tmp_path)
    alone, twice = (
        [u.speech for part in corpus.splits.values() for c in part for u in c.utterances]
        for corpus in (
            read_corpus("iemocap", tmp_path, features=name) for name in ("gemaps47", "gemaps47+gemaps47")
        )
    )
    for one, both in zip(alone, twice, strict=True):
        assert one is not None
        np.testing.assert_array_equal(both, np.tile(one, 2))


def test_features_of_the_voice_are_in_a_file_of_their_own(tmp_path: Path) -> None:
    make_prepared(tmp_path)
    assert_refused(tmp_path, "no features named 'prosody8'; it has gemaps47", features="prosody8")
    measures = np.arange(80, dtype=np.float32).reshape(10, 8)
    measures[0, 3] = np.nan
    prints = np.ones((10, 256), np.float16)
    np.savez(tmp_path / "voice.npz", prosody8=measures, ge2e=prints)
    read = utterances(read_corpus("iemocap", tmp_path, features="prosody8+ge2e"))
    features = {u.id: u.speech for u in read}
    first, second = features["Ses01F_impro01_F000"], features["Ses01F_impro01_F001"]
    assert first is not None
    assert second is not None
    assert first.shape == (264,)
    np.testing.assert_array_equal(second[:8], measures[1])
    np.testing.assert_array_equal(first[:8], [0, 1, 2, np.nanmean(measures[:, 3]), 4, 5, 6, 7])
    np.savez(tmp_path / "voice.npz", prosody8=measures[1:], ge2e=np.full_like(prints, np.nan))
    assert_refused(tmp_path, "row i of prosody8", features="prosody8")
    assert_refused(tmp_path, "ge2e in .* has values that are not finite", features="ge2e")
    (tmp_path / "voice.npz").write_bytes(b"PK not a zip")
    assert_refused(tmp_path, r"voice\.npz can't be read")


def test_prepared_files_that_are_broken(tmp_path: Path) -> None:
    make_prepared(tmp_path)
    path = tmp_path / "utterances.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    whole = path.read_text()
    path.write_text(whole[:-20])
    assert_refused(tmp_path, "line 10 is no JSON")
    path.write_text(whole.replace('"text": "Hello."', '"text": null', 1))
    assert_refused(tmp_path, "line 1: 'text' is missing or of a wrong type")
    path.write_text(whole.replace('"fru"', '"fury"', 1))
    assert_refused(tmp_path, "Ses01F_impro01_F001 has the unknown label 'fury'")
    path.write_text(whole.replace("[2.5, 3.5, 1.5]", "[]", 1))
    assert_refused(tmp_path, "Ses01F_impro01_F000 has no valence first in vad")
    write_prepared(tmp_path, rows, drop=1)
    assert_refused(tmp_path, "row i of gemaps47")
    (tmp_path / "features.npz").write_bytes(b"PK not a zip")
    assert_refused(tmp_path, r"features\.npz can't be read")
    (tmp_path / "features.npz").unlink()
    assert_refused(tmp_path, r"expected features\.npz in")
    write_prepared(tmp_path, rows)
    with pytest.raises(CorpusError, match=r"expected splits6\.json"):
        read_corpus("iemocap6", tmp_path)
    (tmp_path / "splits6.json").write_text(json.dumps({"train": [], "validation": [], "test": []}))
    with pytest.raises(CorpusError, match="leaves out Ses01F_impro01"):
        read_corpus("iemocap6", tmp_path)


@pytest.mark.slow
@needs_shared
def test_the_prepared_sizes() -> None:
    corpus = read_corpus("iemocap", SHARED)
    everything = utterances(corpus)
    assert len(everything) == 10_039
    assert sum(len(part) for part in corpus.splits.values()) == 151
    assert sum(u.label is not None for u in everything) == 5_531
    assert [sum(u.label == label for u in everything) for label in corpus.labels] == [1103, 1636, 1708, 1084]
    assert all(u.speech is not None and u.speech.shape == (47,) for u in everything)
    if (SHARED / "voice.npz").is_file():
        voices = utterances(read_corpus("iemocap", SHARED, features="prosody8+ge2e+gemaps47"))
        assert all(u.speech is not None and u.speech.shape == (8 + 256 + 47,) for u in voices)
    six = read_corpus("iemocap6", SHARED, features="bigru_att")
    assert [len(part) for part in six.splits.values()] == [108, 12, 31]
    assert sum(u.label is not None for u in utterances(six)) == 7_380
    assert all(u.speech is not None and u.speech.shape == (4,) for u in utterances(six))
    plain, by_session = (
        np.stack(
            [
                u.speech
                for u in utterances(read_corpus("iemocap", SHARED, features=name))
                if u.speech is not None
            ]
        )
        for name in ("gemaps47", "gemaps47@session")
    )
    assert plain.shape == by_session.shape
    np.testing.assert_allclose(by_session.mean(axis=0), 0, atol=1e-4)
    with pytest.raises(CorpusError, match="not by @speaker"):
        read_corpus("iemocap", SHARED, features="gemaps47@speaker")
    logits = np.stack([u.speech for c in six.splits["test"] for u in c.utterances if u.speech is not None])
    np.testing.assert_allclose(logits.mean(axis=0), 0, atol=1e-5)  # session 5, whole
    np.testing.assert_allclose(logits.std(axis=0), 1, atol=1e-4)
