"""How much silence ends a turn: more where a sentence trails off or people pause for long, less where not."""

import math

from streamer.sentence_end import Ending, judge_ending

_CUTS_PER_TURN = 0.05
"""The silence is adapted until about this share of the turns is cut in two."""

_STEP = 0.3
"""How fast: a pause that would have been taken for an end moves the silence by this much, in nepers."""

_FACTOR: dict[Ending, float] = {"finished": 0.7, "unclear": 1.0, "unfinished": 2.0}
"""What the words make of the silence."""


class EndPointer:
    """Decides how much silence ends a turn. Pure: its only time is what it is told.

    It holds one number: the silence that, with what was heard of this channel so far, cuts few turns in two.
    Every pause that was longer than it lengthens it, every turn that was really over shortens it a little, so
    that it settles where the two balance.

    Args:
        shortest: silence, in samples as everywhere here, that no turn ends before.
        usual: silence to begin with.
        longest: silence that ends every turn.
    """

    def __init__(self, shortest: int, usual: int, longest: int) -> None:
        self._shortest = shortest
        self._longest = longest
        self._usual = float(usual)

    def silence(self, words: str = "") -> int:
        """The silence that ends the turn, given what was recognised of it; "" for nothing (yet)."""
        return self._bounded(self._usual * _FACTOR[judge_ending(words)])

    def heard_again(self, after: int) -> None:
        """Learn: speech was heard again on this channel after a silence, in a turn or after one.

        After a silence of no more than `longest` the speaker is taken to have gone on; where the turn had
        been declared over by then, it was cut in two.
        """
        if after > self._longest:
            self._usual *= math.exp(-_STEP * _CUTS_PER_TURN)
        elif after > self._usual:
            self._usual *= math.exp(_STEP * (1 - _CUTS_PER_TURN))
        self._usual = float(self._bounded(self._usual))

    def _bounded(self, silence: float) -> int:
        return max(self._shortest, min(self._longest, round(silence)))
