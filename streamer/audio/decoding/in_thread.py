"""Decoding in a separate thread, for an event loop."""

import asyncio
import threading
from concurrent.futures import Future
from pathlib import Path

from streamer.audio.decoding.decode import Decoder
from streamer.audio.frame import FRAME_SAMPLES, SAMPLE_RATE, AudioFrame, AudioGap
from streamer.audio.live_bytes import LiveBytes
from streamer.errors import InputError, as_exception

_BATCH_FRAMES = SAMPLE_RATE // FRAME_SAMPLES
"""Frames per batch, a second of one channel; fewer if the reader waits."""

_BATCHES = 2
"""Most batches that wait."""

_LEAVES_WITHIN_S = 2.0

Batch = list[AudioFrame | AudioGap]


class Decoding:
    """Opens a recording at once, and decodes it after `begin`. It ends with the recording, or at `stop`.

    Args:
        recording: a file, or a stream of bytes, which this closes.
        split_channels: see `Decoder`.

    Attributes:
        opened: a future of the number of channels, or of the reason why decoding is impossible.
        damage_notes: see `Decoder`.
    """

    def __init__(self, recording: Path | LiveBytes, split_channels: bool) -> None:
        self._recording = recording
        self._split = split_channels
        self.opened: Future[int] = Future()
        self.damage_notes: list[str] = []
        self._stopped = threading.Event()
        self._room = threading.Semaphore(0)  # none before `begin`
        self._loop: asyncio.AbstractEventLoop | None = None
        self._batches: asyncio.Queue[Batch | Exception | None] = asyncio.Queue()
        self._thread = threading.Thread(target=self._run, name="decoder", daemon=True)
        self._thread.start()

    def begin(self) -> None:
        """Start to decode, for the event loop of this thread."""
        self._loop = asyncio.get_running_loop()
        self._room.release(1 + _BATCHES)

    async def next(self) -> Batch | None:
        """The next batch; None at the end."""
        batch = await self._batches.get()
        if isinstance(batch, Exception):
            raise batch
        self._room.release()
        return batch

    async def stop(self) -> None:
        """Stop decoding, and release the recording."""
        self._stopped.set()
        if isinstance(self._recording, LiveBytes):
            self._recording.stop()
        self._room.release()
        await asyncio.to_thread(self._thread.join, _LEAVES_WITHIN_S)

    def _run(self) -> None:
        try:
            self._decode()
        except BaseException as error:  # noqa: BLE001 - raised in the session
            if self.opened.done():
                self._put(as_exception(error))
            else:
                self.opened.set_exception(self._explained(as_exception(error)))
        else:
            self._put(None)
        finally:
            if isinstance(self._recording, LiveBytes):
                self._recording.close()

    def _decode(self) -> None:
        with Decoder(self._recording, self._split, self._stopped) as decoder:
            self.opened.set_result(decoder.channels)
            if not self._has_room():
                return
            batch: Batch = []

            def hand_over() -> None:
                nonlocal batch
                if batch and self._has_room():
                    self._put(batch)
                    batch = []

            if isinstance(self._recording, LiveBytes):
                self._recording.begin()
                self._recording.before_waiting = hand_over
            try:
                for item in decoder.items():
                    batch.append(item)
                    if len(batch) == _BATCH_FRAMES:
                        hand_over()
                    if self._stopped.is_set():
                        return
            finally:  # sound before a damaged end is kept
                self.damage_notes = decoder.damage_notes
                hand_over()

    def _has_room(self) -> bool:
        """Wait for `begin`, and for room for a batch; False after `stop`."""
        if not self._stopped.is_set():
            self._room.acquire()
        return not self._stopped.is_set()

    def _put(self, what: Batch | Exception | None) -> None:
        if self._loop is not None and not self._stopped.is_set():
            self._loop.call_soon_threadsafe(self._batches.put_nowait, what)

    def _explained(self, error: Exception) -> Exception:
        if isinstance(error, InputError) and isinstance(self._recording, LiveBytes):
            return self._recording.explain(error)
        return error
