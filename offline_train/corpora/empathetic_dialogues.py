"""EmpatheticDialogues (Rashkin et al., ACL 2019): written dialogues about an emotional situation."""

import json
from functools import cache
from pathlib import Path

from offline_train.corpora.corpus import Conversation, Corpus, Split, Utterance
from offline_train.corpora.errors import CorpusError
from offline_train.corpora.tables import read_table

_FILES: dict[Split, str] = {"train": "train.csv", "validation": "valid.csv", "test": "test.csv"}
_COLUMNS = ("utterance_data", "speaker_utterance", "speaker_info")
_SLACK = 3  # characters that a turn's end may share with the start of the speaker's next turn


def read_empathetic_dialogues(folder: Path) -> Corpus:
    """Read EmpatheticDialogues as text without labels: the corpus labels situations, not utterances.

    The files give the words of a dialogue as one string, those of the first speaker as another, and the
    speaker of each turn; the turns are recovered by an alignment. A dialogue where that fails is one
    utterance.

    Raises:
        CorpusError: validation or test is missing, or a file is cut off.
    """
    splits: dict[Split, list[Conversation]] = {}
    for split, name in _FILES.items():
        optional = split == "train" and not (folder / name).is_file()
        splits[split] = [] if optional else _read(folder / name)
    return Corpus("empathetic-dialogues", (), splits)


def _read(path: Path) -> list[Conversation]:
    conversations = []
    for line, row in read_table("EmpatheticDialogues", path, _COLUMNS):
        try:
            people = [int(person) for person in json.loads(row["speaker_info"])]
        except (ValueError, TypeError) as error:
            raise CorpusError(
                f"EmpatheticDialogues: {path} line {line}: speaker_info is no list of numbers"
            ) from error
        words = row["utterance_data"]
        turns = divide_turns(words, row["speaker_utterance"], len(people)) or [words]
        said = [(turn.strip(), "AB"[place % 2]) for place, turn in enumerate(turns)]
        conversations.append(
            Conversation(
                row.get("conv_id") or f"{path.stem}:{line}",
                tuple(
                    Utterance(str(place), text, None, speaker=person)
                    for place, (text, person) in enumerate(said)
                    if text
                ),
            )
        )
    return conversations


def divide_turns(words: str, spoken: str, count: int) -> list[str]:
    """Divide a dialogue of two alternating speakers into turns, given the words of the first speaker.

    Of all divisions in which the first speaker's turns make up `spoken`, this is the one whose turns start
    and end most like sentences.

    Args:
        words: all turns, concatenated.
        spoken: the first speaker's turns, concatenated.
        count: number of turns.

    Returns:
        The turns; empty if the two strings do not match.
    """

    @cache
    def best(at: int, at_spoken: int, turn: int) -> tuple[float, tuple[int, ...]] | None:
        """Score and ends of the turns from `turn` on if they start here; None if impossible."""
        if turn == count:
            return (0.0, ()) if at == len(words) and at_spoken == len(spoken) else None
        if turn % 2 == 0:
            shared = _common(words, at, spoken, at_spoken)
            last = turn + 2 >= count
            ends = (
                [at + len(spoken) - at_spoken]
                if last
                else range(at + max(1, shared - _SLACK), at + shared + 1)
            )
            ends = [end for end in ends if at < end <= at + shared]
        elif turn + 1 == count:
            ends = [len(words)] if at < len(words) else []
        else:
            follows = spoken[at_spoken : at_spoken + 4]
            ends = _places(words, follows, at + 1)
        found = None
        for end in ends:
            rest = best(end, at_spoken + (end - at if turn % 2 == 0 else 0), turn + 1)
            if rest is not None:
                score = rest[0] + _junction(words, end)
                if found is None or score > found[0]:
                    found = (score, (end, *rest[1]))
        return found

    division = best(0, 0, 0)
    if division is None:
        return []
    starts = (0, *division[1])
    return [words[start:end] for start, end in zip(starts, division[1], strict=False)]


def _common(words: str, at: int, spoken: str, at_spoken: int) -> int:
    length = 0
    limit = min(len(words) - at, len(spoken) - at_spoken)
    while length < limit and words[at + length] == spoken[at_spoken + length]:
        length += 1
    return length


def _places(words: str, follows: str, start: int) -> list[int]:
    places = []
    while follows and (start := words.find(follows, start)) >= 0:
        places.append(start)
        start += 1
    return places


def _junction(words: str, at: int) -> float:
    """A score for a turn's end at this position: higher if it looks like the end of a sentence."""
    if at == len(words):
        return 0.0
    before, after = words[at - 1], words[at]
    score = 1.0 if before in ".?!)\"'" else 0.0
    score += 1.0 if after.isupper() else 0.0
    if after in " .,?!'" or (before == " " and words[at - 2 : at - 1].isalpha()):
        score -= 2.0
    return score
