"""Which words of an open turn are certain: LocalAgreement-2 (Macháček et al. 2023, section 2.1)."""

from collections.abc import Sequence


class AgreedWords:
    """The words of an open turn, recognised again and again as it grows. Pure.

    Words that two successive recognitions agree on, but for case and punctuation, are committed: they stay as
    they are. The words behind them are tentative.
    """

    def __init__(self) -> None:
        self._committed: list[str] = []
        self._tentative: list[str] = []
        self._settled = 0  # number of words before the sound that is recognised

    @property
    def committed(self) -> str:
        """The words that do not change any more, with which `text` begins."""
        return " ".join(self._committed)

    @property
    def text(self) -> str:
        """All words."""
        return " ".join(self._committed + self._tentative)

    def hear(self, text: str, *, whole: bool = False) -> None:
        """Process one more recognition; one without words changes nothing.

        Args:
            text: its words.
            whole: whether it is of the whole turn, not only of the sound since `settle`.
        """
        if not (words := text.split()):
            return
        said = self._committed[0 if whole else self._settled :]
        fresh = words[_length_of(_keys(said), _keys(words)) :]
        pairs = zip(_keys(fresh), _keys(self._tentative), strict=False)
        agreed = next((n for n, (one, other) in enumerate(pairs) if one != other), len(self._tentative))
        self._committed += fresh[:agreed]
        self._tentative = fresh[agreed:]

    def settle(self) -> None:
        """Commit all words: only the sound that follows them, behind a pause, is recognised from now on."""
        self._committed += self._tentative
        self._tentative = []
        self._settled = len(self._committed)


def _keys(words: Sequence[str]) -> list[str]:
    return ["".join(filter(str.isalnum, word)).casefold() for word in words]


def _length_of(said: Sequence[str], words: Sequence[str]) -> int:
    """How many of the first words say the same: those with the least edit distance (Levenshtein 1966)."""
    distances = list(range(len(words) + 1))
    for n, each in enumerate(said, 1):
        before, distances = distances, [n]
        for k, word in enumerate(words):
            distances.append(min(before[k] + (each != word), before[k + 1] + 1, distances[k] + 1))
    return min(range(len(distances)), key=lambda k: (distances[k], abs(k - len(said))))
