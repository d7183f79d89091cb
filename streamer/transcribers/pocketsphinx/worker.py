"""A pocketsphinx decoder in a process of its own: `python -m streamer.transcribers.pocketsphinx.worker`.

It holds Python's global lock for as long as it decodes, so that nothing else could run beside it. Requests
come on standard input, each an operation, a length and as many bytes of sound (int16, mono, 16 kHz); replies
go to standard output, each a length and as many bytes of JSON. It ends with its standard input.
"""

import json
import os
import signal
import struct
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

from pocketsphinx import Config, Decoder

Reply = dict[str, Any]

REQUEST = struct.Struct("<cI")
REPLY = struct.Struct("<I")

WHOLE, BEGIN, GO_ON, END, RECALL = b"W", b"B", b"G", b"E", b"R"

NOISE_SEARCH = "noise"
"""The features' noise tracker outlives an utterance. Begun anew for each turn and led through it once, by a
keyphrase search as the cheapest there is, it knows this turn's noise and no other's."""

SEARCH: dict[str, Any] = {"fwdflat": False, "maxhmmpf": 2000}
"""One pass, without the flat lexicon, whose gain in words is small and not the same on all recordings. At
most so many states a frame take half the time of all there are, and cost one word in fifty; tighter beams,
fewer Gaussians or fewer frames cost more words."""

PIECE = 2 * 320
"""Bytes given to the decoder at a time: two frames. Led through a whole utterance, as for its noise, it makes
room for as many cepstra as that has, but for fewer features than it then computes of them at once (acmod.c of
pocketsphinx 5.1.1): of longer pieces it loses words, crashes, or goes round in circles for ever."""

_ALLOWANCE_S = 30.0
_ALLOWANCE_TIMES = 10
"""So much processor time a request may take, and so many times the length of its sound, about a hundred times
what is usual. What takes more goes round in circles."""

OVERDUE: int = getattr(signal, "SIGPROF", 0)
"""The signal that ends a process then; Windows has none."""

_BYTES_A_SECOND = 2 * 16_000

RECALLED_FRAMES = 300
"""How many frames' worth the mean of earlier turns counts beside that of a turn's beginning."""


class Worker:
    """Carries requests out, one after the other."""

    def __init__(self) -> None:
        self._decoder = Decoder(Config(loglevel="FATAL", logfn=os.devnull, **SEARCH))
        self._words_search: str = self._decoder.current_search()
        self._decoder.add_keyphrase(NOISE_SEARCH, "the")
        self._open = False
        self._recalled: list[float] | None = None
        self.operations: dict[bytes, Callable[[bytes], Reply]] = {
            WHOLE: self._whole,
            RECALL: self._recall,
            BEGIN: self._begin,
            GO_ON: self._go_on,
            END: self._end,
        }

    def _whole(self, sound: bytes) -> Reply:
        """Decode a whole turn; its cepstral mean is its own."""
        self._listen_to_noise(sound)
        self._start()
        self._decoder.process_raw(sound, full_utt=True)
        return self._end(b"")

    def _recall(self, mean: bytes) -> Reply:
        """Take over the cepstral mean of earlier turns, as JSON; null for none."""
        self._recalled = json.loads(mean)
        return {}

    def _begin(self, sound: bytes) -> Reply:
        """Begin a turn whose end is not yet known, with enough sound to know its noise and its mean."""
        self._listen_to_noise(sound)
        mean = _numbers(self._decoder.get_cmn(False))
        if self._recalled is not None:
            frames = len(sound) / 320  # of 10 ms
            total = frames + RECALLED_FRAMES
            mean = [
                (frames * now + RECALLED_FRAMES * then) / total
                for now, then in zip(mean, self._recalled, strict=True)
            ]
        self._decoder.set_cmn(",".join(f"{value:.4f}" for value in mean))
        return self._go_on(sound)

    def _go_on(self, sound: bytes) -> Reply:
        """Decode what comes next; after an end it is a new utterance of the same turn."""
        self._start()
        for at in range(0, len(sound), PIECE):
            self._decoder.process_raw(sound[at : at + PIECE])
        heard = self._decoder.hyp()
        return {"text": "" if heard is None else heard.hypstr}

    def _end(self, sound: bytes) -> Reply:  # noqa: ARG002
        """End the utterance: its words, each with its first and last frame, and the cepstral mean by now."""
        if not self._open:
            return {"words": [], "mean": None}
        self._open = False
        self._decoder.end_utt()
        words = [] if self._decoder.hyp() is None else self._decoder.seg()
        return {
            "words": [(word.word, word.start_frame, word.end_frame) for word in words],
            "mean": _numbers(self._decoder.get_cmn(True)),
        }

    def _listen_to_noise(self, sound: bytes) -> None:
        self._end(b"")
        self._decoder.reinit_feat()
        self._decoder.activate_search(NOISE_SEARCH)
        self._decoder.start_utt()
        self._decoder.process_raw(sound, full_utt=True)
        self._decoder.end_utt()
        self._decoder.activate_search(self._words_search)

    def _start(self) -> None:
        if not self._open:
            self._decoder.start_utt()
            self._open = True


def allowance_s(length: int) -> float:
    """How much processor time so many bytes of sound may take, in seconds."""
    return _ALLOWANCE_S + _ALLOWANCE_TIMES * length / _BYTES_A_SECOND


def serve(requests: BinaryIO, replies: BinaryIO) -> None:
    """Answer requests until there are no more."""
    worker = Worker()
    while len(header := requests.read(REQUEST.size)) == REQUEST.size:
        operation, length = REQUEST.unpack(header)
        content = requests.read(length)
        _limit_time(allowance_s(length))
        try:
            reply = worker.operations[operation](content)
        except RuntimeError as error:
            reply = {"error": str(error)}
        _limit_time(0)
        content = json.dumps(reply).encode()
        replies.write(REPLY.pack(len(content)) + content)
        replies.flush()


def _limit_time(seconds: float) -> None:
    """Have this process end once it has worked for so long; 0 for no limit."""
    if sys.platform != "win32":
        signal.setitimer(signal.ITIMER_PROF, seconds)


def _numbers(text: str) -> list[float]:
    return [float(number) for number in text.split(",")]


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that asks decides when it is over
    serve(sys.stdin.buffer, sys.stdout.buffer)
