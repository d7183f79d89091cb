"""The words of turns that have times: where each is said, and turns in pieces as subtitles want them."""

from itertools import pairwise

from streamer.events import Word
from streamer.reports.record import Turn

MOST_CHARACTERS = 84
LONGEST_S = 7.0
"""Of a subtitle: two lines of 42 characters, seven seconds (Netflix, "Timed Text Style Guide")."""


def timed_words(turn: Turn) -> list[tuple[str, Word]]:
    """A turn's text, cut before every word; nothing where words have no times, or are not of the text."""
    text, words = turn.text or "", turn.words or []
    starts: list[int] = []
    at = 0
    for word in words:
        if (start := text.find(word.text, at)) < 0:
            return []
        starts.append(start)
        at = start + len(word.text)
    bounds = pairwise([0, *starts[1:], len(text)])
    return [(text[start:end], word) for (start, end), word in zip(bounds, words, strict=False)]


def in_pieces(turn: Turn) -> list[Turn]:
    """A turn, cut between words where it is too long for one subtitle; as it is where words have no times."""
    pieces: list[list[tuple[str, Word]]] = []
    for text, word in timed_words(turn):
        if not pieces or (
            sum(len(said) for said, _ in pieces[-1]) + len(text.rstrip()) > MOST_CHARACTERS
            or word.end_s - pieces[-1][0][1].start_s > LONGEST_S
        ):
            pieces.append([])
        pieces[-1].append((text, word))
    if len(pieces) < 2:
        return [turn]
    starts_s = [turn.start_s, *(piece[0][1].start_s for piece in pieces[1:])]
    ends_s = [*(piece[-1][1].end_s for piece in pieces[:-1]), turn.end_s]
    return [
        turn.model_copy(
            update={"text": "".join(text for text, _ in piece).strip(), "start_s": start_s, "end_s": end_s}
        )
        for piece, start_s, end_s in zip(pieces, starts_s, ends_s, strict=True)
    ]
