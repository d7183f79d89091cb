"""The recording of a report."""

import mimetypes
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from streamer.errors import InputError

_MIME_TYPES = {".wav": "audio/x-wav", ".flac": "audio/flac", ".opus": "audio/ogg", ".m4a": "audio/mp4"}
"""MIME types for which machines differ; ELAN uses this one for WAVE."""


@dataclass(frozen=True, slots=True)
class Sound:
    """A recording, and the folder of the report, which URLs are relative to."""

    path: Path
    folder: Path

    def check(self) -> None:
        """Check that the file exists.

        Raises:
            InputError: it does not.
        """
        if not self.path.is_file():
            what = "is a folder" if self.path.is_dir() else "no such file"
            if (self.path.exists() and not self.path.is_dir()) or str(self.path) == "-":
                what = "is no file: what was read from a pipe is gone"
            raise InputError(f"{self.path}: {what}; --audio names the recording of the session")

    @property
    def absolute_url(self) -> str:
        """`file:///...`."""
        return self.path.resolve().as_uri()

    @property
    def relative_url(self) -> str:
        """The URL relative to the report's folder; the absolute one if there is none (another drive)."""
        try:
            way = os.path.relpath(self.path.resolve(), self.folder.resolve())
        except ValueError:
            return self.absolute_url
        return quote(Path(way).as_posix())

    @property
    def mime_type(self) -> str:
        """The MIME type, such as audio/flac."""
        guessed = mimetypes.guess_type(self.path.name)[0]
        return _MIME_TYPES.get(self.path.suffix.lower()) or guessed or "application/octet-stream"
