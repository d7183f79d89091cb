"""Who spoke when: the answers of a diarization as stretches of time."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SpeakerSegment:
    """A stretch in which one speaker speaks; stretches of different speakers may overlap.

    Attributes:
        start_s: in seconds from the start of the recording.
        end_s: in seconds from the start of the recording, later than `start_s`.
        speaker: number of the speaker, 0 for the first one found.
    """

    start_s: float
    end_s: float
    speaker: int


@dataclass(frozen=True, slots=True)
class Diarization:
    """Both answers for a recording, each in the order of `start_s`.

    Attributes:
        first: what was said of each moment when it was first emitted.
        revised: what stood at the end, after later speech had re-labelled earlier stretches.
    """

    first: list[SpeakerSegment]
    revised: list[SpeakerSegment]
