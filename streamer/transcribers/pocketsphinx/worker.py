"""A pocketsphinx decoder as a process: `python -m streamer.transcribers.pocketsphinx.worker`.

The decoder holds Python's global lock while it decodes, so it needs a separate process. Requests come on
standard input: an operation, a length and that many bytes of sound (int16, mono, 16 kHz). Replies go to
standard output: a length and that many bytes of JSON. The process ends with its standard input.
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
"""The feature extraction's noise tracker survives an utterance. It is reset for each turn, and trained on the
turn by a keyphrase search, the cheapest one, so that it knows only this turn's noise."""

SEARCH: dict[str, Any] = {"fwdflat": False, "maxhmmpf": 2000}
"""One pass, without the flat lexicon, whose gain in accuracy is small and varies between recordings. The
limit of states per frame halves the time and costs one word in fifty; tighter beams, fewer Gaussians or fewer
frames
cost more words."""

PIECE = 2 * 320
"""Bytes passed to the decoder at a time: two frames. After a whole utterance, as for the noise tracker, its
buffer holds that many cepstra, but fewer features than it computes from them at once (acmod.c of pocketsphinx
5.1.1): with longer pieces it loses words, crashes, or loops forever."""

_ALLOWANCE_S = 30.0
_ALLOWANCE_TIMES = 10
"""Limit of a request's processor time: a constant, and a multiple of the sound's length, about a hundred
times the usual time. A request that takes longer is in an endless loop."""

OVERDUE: int = getattr(signal, "SIGPROF", 0)
"""The signal that ends a process at the limit; Windows has none."""

_BYTES_A_SECOND = 2 * 16_000

RECALLED_FRAMES = 300
"""Weight of the mean of earlier turns, in frames, against the mean of a turn's beginning."""


class Worker:
    """Executes requests, one after the other."""

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
        """Decode a whole turn, with its own cepstral mean."""
        self._listen_to_noise(sound)
        self._start()
        self._decoder.process_raw(sound, full_utt=True)
        return self._end(b"")

    def _recall(self, mean: bytes) -> Reply:
        """Set the cepstral mean of earlier turns, as JSON; null for none."""
        self._recalled = json.loads(mean)
        return {}

    def _begin(self, sound: bytes) -> Reply:
        """Begin an open turn, with enough sound to estimate noise and mean."""
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
        """Decode the next sound; after `_end`, as a new utterance of the same turn."""
        self._start()
        for at in range(0, len(sound), PIECE):
            self._decoder.process_raw(sound[at : at + PIECE])
        heard = self._decoder.hyp()
        return {"text": "" if heard is None else heard.hypstr}

    def _end(self, sound: bytes) -> Reply:  # noqa: ARG002
        """End the utterance; returns its words with their first and last frames, and the cepstral mean."""
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
    """Limit of the processor time for `length` bytes of sound, in seconds."""
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
    """Limit the processor time of this process from now on; 0 for no limit."""
    if sys.platform != "win32":
        signal.setitimer(signal.ITIMER_PROF, seconds)


def _numbers(text: str) -> list[float]:
    return [float(number) for number in text.split(",")]


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent process decides when to end
    serve(sys.stdin.buffer, sys.stdout.buffer)
