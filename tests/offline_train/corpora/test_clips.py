"""Corpora of clips in miniature, as published: what their names say, and that no speaker is in two splits."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from offline_train.corpora.clips import FOLDS, SpeakerSplit, split_speakers
from offline_train.corpora.corpus import Corpus, Utterance
from offline_train.corpora.emotions import EMOTIONS, TABLE
from offline_train.corpora.errors import CorpusError
from offline_train.corpora.registry import CLIPS, read_corpus
from tests.offline_train.miniatures import (
    make_clips,
    make_crema_d,
    make_emodb,
    make_librispeech,
    make_nemo,
    make_ravdess,
    make_savee,
    make_tess,
)

SHARED = Path(__file__).parents[4] / "shared/data"
MINIATURES: dict[str, Callable[[Path], Path]] = {
    "ravdess": make_ravdess,
    "tess": make_tess,
    "savee": make_savee,
    "emodb": make_emodb,
    "nemo": make_nemo,
    "crema-d": make_crema_d,
    "librispeech": lambda folder: make_librispeech(folder, ["train-clean-100"]),
}


def clips(corpus: Corpus) -> list[Utterance]:
    return [utterance for _, _, utterance in corpus.utterances()]


def speakers(corpus: Corpus) -> list[set[str]]:
    return [{str(c.utterances[0].speaker) for c in part} for part in corpus.splits.values()]


def clip(corpus: Corpus, name: str) -> Utterance:
    (found,) = (utterance for utterance in clips(corpus) if utterance.id == name)
    return found


@pytest.mark.parametrize("name", CLIPS)
def test_every_emotion_by_our_name_and_every_clip_a_conversation(tmp_path: Path, name: str) -> None:
    corpus = read_corpus(name, MINIATURES[name](tmp_path))
    read = clips(corpus)
    assert corpus.labels == EMOTIONS
    meant = {ours for ours, theirs in zip(EMOTIONS, TABLE[name], strict=False) if theirs}
    assert {u.label for u in read} - {None} == meant
    assert any(u.label is None for u in read) == bool(TABLE[name][-1])
    assert all(u.recording and u.recording.path.is_file() for u in read)
    assert len(corpus.utterance_names()) == len({u.recording for u in read}) == len(read)
    assert {len(c.utterances) for part in corpus.splits.values() for c in part} == {1}


@pytest.mark.parametrize("name", sorted(set(CLIPS) - {"tess"}))
def test_no_speaker_is_in_two_splits_and_each_is_tested_in_one_fold(tmp_path: Path, name: str) -> None:
    folder = MINIATURES[name](tmp_path)
    tested: Counter[str] = Counter()
    for fold in (None, *range(CLIPS[name].folds)):
        parts = speakers(read_corpus(name, folder, fold=fold))
        assert all(parts)
        assert sum(map(len, parts)) == len(set.union(*parts))
        tested.update(parts[2] if fold is not None else ())
    assert set(tested) == set.union(*parts)
    assert set(tested.values()) == {1}
    with pytest.raises(CorpusError, match=f"fold {CLIPS[name].folds}: there are {CLIPS[name].folds}"):
        read_corpus(name, folder, fold=CLIPS[name].folds)


def test_two_speakers_are_trained_on_one_and_tested_on_the_other(tmp_path: Path) -> None:
    folder = make_tess(tmp_path)
    for fold, tested in ((None, "YAF"), (0, "OAF"), (1, "YAF")):
        corpus = read_corpus("tess", folder, fold=fold)
        train, validation, test = speakers(corpus)
        assert test == {tested}
        assert train == validation == {"OAF", "YAF"} - test
        texts = [{c.utterances[0].text for c in part} for part in corpus.splits.values()]
        assert [len(part) for part in texts] == [4, 2, 6]
        assert not texts[0] & texts[1]
    with pytest.raises(CorpusError, match="TESS: fold 2: there are 2, counted from 0"):
        read_corpus("tess", folder, fold=2)


@pytest.mark.parametrize(
    ("count", "sizes", "folds"),
    [
        (2, (1, 0, 1), [1, 1]),
        (4, (2, 1, 1), [1] * 4),
        (9, (7, 1, 1), [2, 2, 1, 2, 2]),
        (20, (16, 2, 2), [4] * 5),
    ],
)
def test_how_many_speakers_are_in_a_split(count: int, sizes: tuple[int, ...], folds: list[int]) -> None:
    names = [f"{number:02d}" for number in range(count)]

    def of(split: SpeakerSplit) -> tuple[int, ...]:
        assert sorted((*split.train, *split.validation, *split.test)) == names
        return len(split.train), len(split.validation), len(split.test)

    assert of(split_speakers("X", names)) == sizes
    assert split_speakers("X", names).test[-1] == names[-1]
    assert [of(split_speakers("X", names, fold))[2] for fold in range(min(FOLDS, count))] == folds


def test_what_names_say(tmp_path: Path) -> None:
    tess = read_corpus("tess", make_tess(tmp_path / "tess"))
    one = clip(tess, "OA_bite_neutral")
    assert (one.speaker, one.label, one.text) == ("OAF", "neutral", "Say the word bite.")
    assert clip(tess, "YAF_back_ps").label == "surprise"
    savee = read_corpus("savee", make_savee(tmp_path / "savee"))
    assert clip(savee, "JK_sa01").label == "sadness"
    assert [u.id for u in clips(savee)] == [
        u.id for u in clips(read_corpus("savee", make_savee(tmp_path / "flat", published=False)))
    ]
    emodb = read_corpus("emodb", make_emodb(tmp_path / "emodb"))
    one = clip(emodb, "14b10Wa")
    assert (one.speaker, one.label) == ("14", "anger")
    assert one.text == "Die wird auf dem Platz sein, wo wir sie immer hinlegen."
    assert clip(emodb, "14b10La").label is None
    nemo = read_corpus("nemo", make_nemo(tmp_path / "nemo"))
    one = clip(nemo, "EB0_surprised_22")
    assert (one.speaker, one.label, one.text) == ("EB0", "surprise", "Czas na EB0_surprised_22!")
    crema = read_corpus("crema-d", make_crema_d(tmp_path / "crema"))
    one = clip(crema, "1001_DFA_ANG_LO")
    assert (one.speaker, one.label, one.text) == ("1001", "anger", "Don't forget a jacket.")
    assert clip(crema, "1020_ITH_SAD_X").label == "sadness"
    assert "1076" not in set.union(*speakers(crema))  # a file without sound


def test_librispeech_is_neutral_and_its_test_sets_are_never_trained_on(tmp_path: Path) -> None:
    corpus = read_corpus("librispeech", make_librispeech(tmp_path))
    train, validation, test = speakers(corpus)
    assert (len(train), len(validation), len(test)) == (8, 11, 11)
    assert {who for who in validation | test if len(who) == 2} == {"18", "19"}
    assert clip(corpus, "210-7-0001").text == "the day of 210"
    alone = read_corpus("librispeech", tmp_path / "LibriSpeech/test-other")
    assert [len(part) for part in alone.splits.values()] == [0, 0, 20]


def test_a_table_of_words_beside_the_folder(tmp_path: Path) -> None:
    folder = make_clips(tmp_path / "test_other", ["1-2-0000", "1-2-0001"])
    table = tmp_path / "test_other.tsv"
    table.write_text("1-2-0000.flac\ta b\n1-2-0001.flac\tc\n")
    assert [u.text for u in clips(read_corpus("librispeech", folder))] == ["a b", "c"]
    table.write_text("1-2-0000.flac\n")
    with pytest.raises(CorpusError, match=r"LibriSpeech: .*test_other\.tsv line 1 is not a file's name and"):
        read_corpus("librispeech", folder)


@pytest.mark.parametrize("name", CLIPS)
def test_a_strange_name_and_a_missing_speaker_are_said_in_one_line(tmp_path: Path, name: str) -> None:
    folder = MINIATURES[name](tmp_path)
    make_clips(folder, ["mysong"])
    with pytest.raises(CorpusError, match=rf"^{CLIPS[name].title}: mysong\.wav in \S+ is not named .*$"):
        read_corpus(name, folder)
    (folder / "mysong.wav").unlink()
    (folder / "._left by a Mac.wav").write_bytes(b"")
    if gone := CLIPS[name].speakers[-1:]:
        for path in folder.rglob("*.wav"):
            if (spoken := CLIPS[name].parse(path)) and spoken.speaker == gone[0]:
                path.unlink()
        with pytest.raises(CorpusError, match=rf"^{CLIPS[name].title}: no clips of {gone[0]} in \S+$"):
            read_corpus(name, folder)


@pytest.mark.parametrize(
    ("name", "folder", "size", "unlabelled", "splits"),
    [
        ("tess", "tess", 420, 0, None),
        ("savee", "savee", 480, 0, [240, 120, 120]),
        ("emodb", "emodb", 535, 81, [408, 56, 71]),
        ("nemo", "nemo", 477, 0, None),
        ("librispeech", "librispeech/ordinary", 200, 0, [160, 20, 20]),
        ("librispeech", "librispeech/test_other", 50, 0, [0, 0, 50]),
        ("librispeech", "librispeech", 250, 0, [160, 20, 70]),
        ("ravdess", "ravdess", 1200, 0, [960, 120, 120]),
    ],
)
def test_the_corpora_themselves(
    name: str, folder: str, size: int, unlabelled: int, splits: list[int] | None
) -> None:
    if not (SHARED / folder).is_dir():
        pytest.skip(f"needs ../shared/data/{folder}")
    corpus = read_corpus(name, SHARED / folder)
    read = clips(corpus)
    assert len(read) == size
    assert sum(u.label is None for u in read) == unlabelled
    assert splits is None or [len(part) for part in corpus.splits.values()] == splits
    with_words = {"savee": 0, "librispeech/ordinary": 0, "librispeech": 50}.get(folder, size)
    assert sum(u.text is not None for u in read) == with_words
    if name == "tess":
        validation = corpus.splits["validation"]
        assert [len(part) for part in corpus.splits.values()] == [210 - len(validation), len(validation), 210]
        assert {c.utterances[0].label for c in validation} == set(EMOTIONS)
