"""IEMOCAP (Busso et al., LREC 2008): five sessions of two actors each, scripted and improvised."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from offline_train.corpora.corpus import SPLITS, Conversation, Corpus, Recording, Split, Utterance
from offline_train.corpora.errors import CorpusError
from offline_train.corpora.layout import find
from offline_train.corpora.prepared import UTTERANCES, is_prepared, read_prepared
from offline_train.corpora.tables import read_json, read_lines

LABELS = ("angry", "happy", "neutral", "sad")
LABELS6 = ("happy", "sad", "neutral", "angry", "excited", "frustrated")
SESSIONS = range(1, 6)
_FOUR = {"ang": "angry", "hap": "happy", "exc": "happy", "neu": "neutral", "sad": "sad"}
_SIX = {"hap": "happy", "sad": "sad", "neu": "neutral", "ang": "angry", "exc": "excited", "fru": "frustrated"}
_RAW = {*_SIX, "sur", "fea", "dis", "oth", "xxx"}
_SEEN_CONTEXT = ("iaan", "bert_iaan")
_A_MODEL_A_SESSION = "bigru_att"
"""Logits of cross-validation: each session's are of another model, and of another scale."""
_VALIDATION_SHARE = 0.12
_TURN_LAYOUT = "[start - end]<tab>id<tab>emotion<tab>[v, a, d]"
_NUMBER = r"(\d+(?:\.\d+)?)"
_TURN = re.compile(
    rf"\[{_NUMBER}\s*-\s*{_NUMBER}\]\s+(\S+)\s+(\S+)\s+\[{_NUMBER},\s*{_NUMBER},\s*{_NUMBER}\]"
)
_SAID = re.compile(r"(\S+)\s+\[[^]]*\]\s*:(.*)")


_Row = tuple[dict[str, Any], NDArray[np.float32]]


class _Turn(NamedTuple):
    """An utterance, labelled as in the release (`_RAW`), with its dialogue and session."""

    dialogue: str
    session: int
    said: Utterance


def read_iemocap(folder: Path, *, features: str | None = None, fold: int | None = None) -> Corpus:
    """Read four emotions, happy and excited merged.

    Sessions 2-4 are the training split, 1 the validation, 5 the test (MERITS-L, IV-A). Dialogues have all
    their utterances, in order of their start; those without one of the emotions have the label None.

    Args:
        folder: the full release as published, or the prepared corpus.
        features: array of a prepared corpus to use as speech features, `gemaps47` by default.
            `prosody8` and `ge2e` are in voice.npz; `a+b` puts two side by side.
            `NAME@session` standardises them by session, which is always done for `bigru_att`.
        fold: 1 to 5 for cross-validation: session `fold` is the test split, the next one (1 after 5) the
            validation, the others the training split.

    Raises:
        CorpusError: the corpus is missing or broken, or has no such features or fold.
    """

    def split_of(turn: _Turn) -> Split:
        return _split(turn.session, test=5, validation=1)

    return _corpus("iemocap", LABELS, _FOUR, _read(folder, features), split_of, fold)


def read_iemocap6(folder: Path, *, features: str | None = None, fold: int | None = None) -> Corpus:
    """Read six emotions.

    A prepared corpus is split by its `splits6.json`. In the full release, session 5 is the test split, and
    the last 12 % of the dialogues of sessions 1-4 the validation.

    Arguments and errors are those of `read_iemocap`.
    """
    turns = _read(folder, features)
    if is_prepared(folder):
        parts = _splits6(folder / "splits6.json", {turn.dialogue for turn in turns})
    else:
        names = list(dict.fromkeys(turn.dialogue for turn in turns if turn.session != 5))
        validation = names[len(names) - max(1, round(_VALIDATION_SHARE * len(names))) :]
        parts = {turn.dialogue: _split(turn.session, test=5, validation=0) for turn in turns}
        parts |= dict.fromkeys(validation, "validation")
    return _corpus("iemocap6", LABELS6, _SIX, turns, lambda turn: parts[turn.dialogue], fold)


def _split(session: int, test: int, validation: int) -> Split:
    return "test" if session == test else "validation" if session == validation else "train"


def _corpus(
    name: str,
    labels: tuple[str, ...],
    names: Mapping[str, str],
    turns: Sequence[_Turn],
    split_of: Callable[[_Turn], Split],
    fold: int | None,
) -> Corpus:
    if fold is not None and fold not in SESSIONS:
        raise CorpusError(f"IEMOCAP: fold {fold}: there are 5, one a session, counted from 1")
    splits: dict[Split, list[Conversation]] = {split: [] for split in SPLITS}
    for dialogue, group in groupby(turns, key=lambda turn: turn.dialogue):
        first, *rest = group
        split = split_of(first) if fold is None else _split(first.session, fold, fold % 5 + 1)
        said = tuple(replace(each.said, label=names.get(each.said.label or "")) for each in (first, *rest))
        splits[split].append(Conversation(dialogue, said))
    return Corpus(name, labels, splits)


def _standardise_by_session(rows: Sequence[_Row]) -> list[_Row]:
    """Standardise by the statistics of whole sessions, utterances without a label included."""
    sessions = np.array([row["session"] for row, _ in rows])
    features = np.stack([values for _, values in rows])
    for session in np.unique(sessions):
        its = sessions == session
        features[its] -= features[its].mean(axis=0)
        features[its] /= np.maximum(features[its].std(axis=0), 1e-6)
    return [(row, values) for (row, _), values in zip(rows, features, strict=True)]


def _read(folder: Path, features: str | None) -> list[_Turn]:
    if not is_prepared(folder):
        if features is not None:
            raise CorpusError(f"IEMOCAP: {folder} has sound and no prepared features; leave {features!r} out")
        return _read_release(folder)
    array, _, standardised = (features or "gemaps47").partition("@")
    if standardised not in ("", "session"):
        raise CorpusError(f"IEMOCAP: features are standardised by @session, not by @{standardised}")
    for name in array.split("+"):
        if name in _SEEN_CONTEXT:
            raise CorpusError(
                f"IEMOCAP: {name} has seen the whole dialogue, so it is no speech feature; try bigru_att"
            )
    keys = {"id": str, "dialogue": str, "session": int, "pos": int, "text": str, "raw": str, "vad": list}
    rows = read_prepared("IEMOCAP", folder, keys, array)
    if standardised or array == _A_MODEL_A_SESSION:
        rows = _standardise_by_session(rows)
    rows.sort(key=lambda pair: (pair[0]["session"], pair[0]["dialogue"], pair[0]["pos"]))
    for row, _ in rows:
        if row["raw"] not in _RAW:
            raise CorpusError(f"IEMOCAP: {folder}: {row['id']} has the unknown label {row['raw']!r}")
        if len(row["vad"]) != 3 or not all(isinstance(rating, int | float) for rating in row["vad"]):
            raise CorpusError(
                f"IEMOCAP: {folder}: {row['id']} has no valence first in vad, then arousal and dominance"
            )
    return [
        _Turn(
            row["dialogue"],
            row["session"],
            _utterance(row["id"], row["text"], row["raw"], row["vad"], speech=speech),
        )
        for row, speech in rows
    ]


def _utterance(name: str, text: str, raw: str, vad: Sequence[str | float], **sound: Any) -> Utterance:
    speaker = name[:5] + name.rsplit("_", 1)[-1][0]
    valence, arousal, dominance = map(float, vad)
    return Utterance(
        name,
        text or None,
        raw,
        speaker=speaker,
        valence=valence,
        arousal=arousal,
        dominance=dominance,
        **sound,
    )


def _read_release(folder: Path) -> list[_Turn]:
    first = find(folder, "Session1")
    root = folder if first is None else first.parent
    turns = []
    for session in SESSIONS:
        where = root / f"Session{session}"
        # Files with a leading dot in the published archive are metadata of macOS.
        paths = sorted((where / "dialog/EmoEvaluation").glob("[!.]*.txt"))
        if not paths:
            raise CorpusError(
                f"IEMOCAP: expected {where.name}/dialog/EmoEvaluation/*.txt as published, or the prepared"
                f" {UTTERANCES}, in {root}"
            )
        for path in paths:
            turns += _read_dialogue(path, session)
    return turns


def _read_dialogue(path: Path, session: int) -> list[_Turn]:
    words = path.parents[1] / "transcriptions" / path.name
    said: dict[str, str] = {}
    for _, line in read_lines("IEMOCAP", words):
        if match := _SAID.match(line):
            said[match[1]] = match[2].strip()
    turns = []
    for number, line in read_lines("IEMOCAP", path):
        if not line.startswith("["):
            continue
        match = _TURN.match(line)
        if match is None or match[4] not in _RAW:
            raise CorpusError(f"IEMOCAP: {path} line {number} is not '{_TURN_LAYOUT}' with a known emotion")
        start, _, name, raw, *vad = match.groups()
        sound = path.parents[2] / "sentences/wav" / path.stem / f"{name}.wav"
        if name not in said:
            raise CorpusError(f"IEMOCAP: {words} has no line of {name}")
        if not sound.is_file():
            raise CorpusError(f"IEMOCAP: expected {sound.name} in {sound.parent}")
        utterance = _utterance(name, said[name], raw, vad, recording=Recording(sound))
        turns.append((float(start), _Turn(path.stem, session, utterance)))
    if not turns:
        raise CorpusError(f"IEMOCAP: {path} has no line '{_TURN_LAYOUT}'")
    return [turn for _, turn in sorted(turns, key=itemgetter(0))]


def _splits6(path: Path, dialogues: set[str]) -> dict[str, Split]:
    parts = read_json("IEMOCAP", path)
    of: dict[str, Split] = {}
    for split in SPLITS:
        names = parts.get(split) if isinstance(parts, dict) else None
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise CorpusError(f"IEMOCAP: {path} has no list of dialogues {split!r}")
        of |= dict.fromkeys(names, split)
    if missing := sorted(dialogues - set(of)):
        raise CorpusError(f"IEMOCAP: {path} leaves out {missing[0]}")
    return of
