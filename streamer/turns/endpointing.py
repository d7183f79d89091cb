"""How much silence ends a turn: more where a sentence trails off or people pause for long, less where not."""

import math

from streamer.audio.frame import SAMPLE_RATE
from streamer.turns.sentence_end import evidence_of_end

_TYPICAL = math.log(0.4 * SAMPLE_RATE)
_SPREAD = 0.6
"""Pauses within turns are log-normal, of this median and spread, before any was heard."""

_BETWEEN_SENTENCES = 0.4
"""Share of the pauses within turns that lie where a sentence is over."""

_WENT_ON, _ENDED = 10.0, 15.0
"""What is taken for known before anything was heard: so many pauses within turns, so many at their ends."""

_MEMORY = 0.98
"""What is left of a pause's weight after each later one: some 50 pauses count."""

_ROUNDING = 1e-9


class EndPointer:
    """Decides how much silence ends a turn. Pure: its only time is what it is told.

    Waiting another moment costs that moment if the turn is over, and saves cutting it in two if the speaker
    would go on within it. The silence is the one at which the two balance: it grows with the odds that the
    speaker goes on, by the words and by the pauses so far, and with how long pauses were. What a cut costs
    follows from `usual`, which it is where nothing is known. It holds three numbers.

    Args:
        shortest: silence, in samples as everywhere here, that no turn ends before.
        usual: silence where nothing speaks for more or less.
        longest: silence that ends every turn.
    """

    def __init__(self, shortest: int, usual: int, longest: int) -> None:
        self._shortest = shortest
        self._longest = longest
        self._prior = min(_TYPICAL, math.log(usual) + _SPREAD**2)
        self._beyond_mode = math.log(usual) - self._mode(self._prior)
        self._went_on = 0.0
        self._ended = 0.0
        self._logarithms = 0.0

    def silence(self, words: str = "") -> int:
        """The silence that ends the turn, given what was recognised of it; "" for nothing (yet)."""
        if self._shortest == self._longest:
            return self._longest
        odds = (self._went_on + _WENT_ON) / (self._ended + _ENDED) * (_ENDED / _WENT_ON)
        odds *= _BETWEEN_SENTENCES + (1 - _BETWEEN_SENTENCES) * math.exp(-evidence_of_end(words))
        typical = (self._logarithms + _WENT_ON * self._prior) / (self._went_on + _WENT_ON)
        # odds * density(silence; typical) = density(usual; prior), log-normal densities, solved for silence
        square = self._beyond_mode**2 + 2 * _SPREAD**2 * (math.log(odds) - (typical - self._prior))
        if square < -_ROUNDING:
            return self._shortest  # no silence is worth it
        silence = round(math.exp(self._mode(typical) + math.sqrt(max(square, 0.0))))
        return max(self._shortest, min(self._longest, silence))

    def heard_again(self, after: int) -> None:
        """Learn: speech was heard again on this channel after a silence, in a turn or after one.

        After a silence of no more than `longest` the speaker is taken to have gone on.
        """
        went_on = after <= self._longest
        self._went_on = _MEMORY * self._went_on + went_on
        self._ended = _MEMORY * self._ended + (not went_on)
        self._logarithms = _MEMORY * self._logarithms + (math.log(max(after, 1)) if went_on else 0.0)

    def _mode(self, typical: float) -> float:
        """Logarithm of the likeliest pause."""
        return typical - _SPREAD**2
