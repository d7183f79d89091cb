"""End-pointing: the silence that ends a turn is longer after an unfinished sentence or long pauses."""

import math

from streamer.audio.frame import SAMPLE_RATE
from streamer.turns.sentence_end import evidence_of_end

_TYPICAL = math.log(0.4 * SAMPLE_RATE)
_SPREAD = 0.6
"""Prior of pauses within turns: log-normal, with this median and spread."""

_BETWEEN_SENTENCES = 0.4
"""Share of pauses within turns that follow the end of a sentence."""

_WENT_ON, _ENDED = 10.0, 15.0
"""Weight of the prior, as numbers of pauses within turns and at their ends."""

_MEMORY = 0.98
"""Factor on a pause's weight for each later pause: about 50 pauses count."""

_ROUNDING = 1e-9


class EndPointer:
    """Decides the silence that ends a turn. Pure: the caller passes all times.

    A longer wait delays the turn if it has ended, and avoids splitting the turn if the speaker continues. The
    chosen silence balances both: it grows with the odds that the speaker continues (from the words and the
    pauses so far) and with the length of pauses. The cost of a split is set so that the silence is `usual`
    without any evidence. The state is three numbers.

    Args:
        shortest: shortest silence that ends a turn, in samples, like all times here.
        usual: silence without evidence for a longer or shorter one.
        longest: longest silence that ends a turn.
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
        """The silence that ends the turn, given its words; "" if there are none yet."""
        if self._shortest == self._longest:
            return self._longest
        odds = (self._went_on + _WENT_ON) / (self._ended + _ENDED) * (_ENDED / _WENT_ON)
        odds *= _BETWEEN_SENTENCES + (1 - _BETWEEN_SENTENCES) * math.exp(-evidence_of_end(words))
        typical = (self._logarithms + _WENT_ON * self._prior) / (self._went_on + _WENT_ON)
        # odds * density(silence; typical) = density(usual; prior), log-normal densities, solved for silence
        square = self._beyond_mode**2 + 2 * _SPREAD**2 * (math.log(odds) - (typical - self._prior))
        if square < -_ROUNDING:
            return self._shortest  # no wait is worth its cost
        silence = round(math.exp(self._mode(typical) + math.sqrt(max(square, 0.0))))
        return max(self._shortest, min(self._longest, silence))

    def heard_again(self, after: int) -> None:
        """Learn from speech that resumes on this channel after a silence, within a turn or after one.

        After a silence of at most `longest`, it counts as the same turn.
        """
        went_on = after <= self._longest
        self._went_on = _MEMORY * self._went_on + went_on
        self._ended = _MEMORY * self._ended + (not went_on)
        self._logarithms = _MEMORY * self._logarithms + (math.log(max(after, 1)) if went_on else 0.0)

    def _mode(self, typical: float) -> float:
        """Logarithm of the most likely pause."""
        return typical - _SPREAD**2
