"""The file object through which FFmpeg reads a recording: it can be stopped, and limits opening."""

import io
import threading
from pathlib import Path

from streamer.audio.decoding.ending import Ending, ending_of
from streamer.audio.decoding.mp4_samples import MOST_SAMPLES, Mp4Samples, is_mp4
from streamer.audio.decoding.ogg_links import ByteStream, OggLinks, is_ogg
from streamer.errors import InputError

_OPENING_BYTES = 40 * 2**20
"""Most bytes read until a recording is open (headers, pictures, an index): all may stay in memory."""


_PASSED_OVER = 2**16
"""Bytes read at a time."""


class ByteReader:
    """A file object for PyAV, which must not raise: an error is stored, and reading ends.

    It reads chained Ogg one link after the other (see `go_on`).

    Args:
        recording: the path of a file, or a stream.
        stop: once set, reading ends.

    Attributes:
        name: name for FFmpeg: not the path, but its ending, by which some formats are detected.

    Raises:
        InputError: there is no such file, or it cannot be read.
    """

    def __init__(self, recording: Path | ByteStream, stop: threading.Event) -> None:
        self._stop = stop
        self._recording = recording
        self._left = _OPENING_BYTES
        self._mp4: Mp4Samples | None = None
        self._is_open = False
        self._is_too_much = False
        self._error: BaseException | None = None
        self._file: io.FileIO | None = None
        if isinstance(recording, Path):
            suffix = recording.suffix[1:]
            self.name = f"recording.{suffix}" if suffix.isascii() and suffix.isalnum() else "recording"
            self._file = _opened(recording)
            self._links = OggLinks(self._file)
        else:
            self.name = ""
            self._links = OggLinks(recording)
        whole = self._file is not None and self._file.seekable() and not is_ogg(self._file)
        self._source: ByteStream | OggLinks = self._file if self._file is not None and whole else self._links

    def opened(self) -> None:
        """Record that the recording is open: any amount may be read."""
        self._is_open = True

    def go_on(self) -> bool:
        """Move to the next link of chained Ogg; returns whether there is one."""
        self._is_open, self._left = True, _OPENING_BYTES
        while self.read(_PASSED_OVER):
            pass
        if self._is_ended or not self._links.go_on():
            return False
        self._is_open = False
        return True

    def check(self) -> None:
        """Check that everything could be read.

        Raises:
            InputError: the file could not be read, or opening it required too many bytes.
            BaseException: any other error of reading.
        """
        if isinstance(self._error, OSError):
            raise InputError(f"{self._recording} cannot be read: {self._error.strerror}") from self._error
        if self._error is not None:
            raise self._error
        if self._is_too_much:
            why = (
                f"its sound begins only after {_OPENING_BYTES >> 20} MB of other things"
                if self._left < 0
                else f"it states more than {MOST_SAMPLES} pieces of sound and pictures"
            )
            raise InputError(f"{self._recording} is not a recording that can be decoded: {why}")

    def ending(self) -> Ending:
        """How the file ends; unknown if it is not seekable."""
        return ending_of(self._file) if self._file is not None and self._file.seekable() else Ending()

    def close(self) -> None:
        """Close the file; a stream is closed by its owner."""
        if self._file is not None:
            self._file.close()

    def read(self, size: int) -> bytes:
        """As for files; returns nothing once stopped."""
        if self._is_ended:
            return b""
        try:
            data = self._source.read(size)
        except BaseException as error:  # noqa: BLE001 - FFmpeg would lose even KeyboardInterrupt
            self._error = error
            return b""
        if not self._is_open:
            if self._left == _OPENING_BYTES and is_mp4(data):
                self._mp4 = Mp4Samples()
            self._left -= len(data)
        if self._mp4 is not None:
            self._mp4.take_in(data, opening=not self._is_open)
        self._is_too_much = self._left < 0 or (self._mp4 is not None and self._mp4.is_too_much)
        return b"" if self._is_too_much else data

    @property
    def _is_ended(self) -> bool:
        return self._stop.is_set() or self._error is not None or self._is_too_much

    def seekable(self) -> bool:
        """Whether it is a seekable file that is read as a whole."""
        return self._source is self._file

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """As for files; -1 after a failure."""
        assert self._file is not None
        if self._stop.is_set():
            return -1
        try:
            return self._file.seek(offset, whence)
        except OSError:
            return -1

    def tell(self) -> int:
        """As for files."""
        assert self._file is not None
        return self._file.tell()


def _opened(path: Path) -> io.FileIO:
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder, not a recording")
        file = path.open("rb", buffering=0)
        if file.seekable() and not file.seek(0, io.SEEK_END):
            file.close()
            raise InputError(f"{path} is empty")
        if file.seekable():
            file.seek(0)
        return file
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
