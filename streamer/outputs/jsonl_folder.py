"""A folder with an events file for each session."""

import os
from pathlib import Path

from streamer.errors import InputError
from streamer.events import Event
from streamer.outputs.base import Output
from streamer.outputs.jsonl import JsonLines


def check_folder(folder: Path) -> None:
    """Check that events files can be created in the folder.

    Raises:
        InputError: they cannot.
    """
    if not folder.is_dir():
        what = "is no folder" if folder.exists() else "is not there; create it first"
        raise InputError(f"{folder} {what}: --events names the folder that gets a file a session")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"cannot write into {folder}: permission denied; choose another place")


class SessionFile(Output):
    """Writes the events of one session to `FOLDER/STREAM-SESSION.jsonl`; ULIDs of sessions sort by time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lines: JsonLines | None = None

    async def __aexit__(self, *_: object) -> None:
        if self._lines is not None:
            await self._lines.__aexit__()

    async def send(self, event: Event) -> None:
        """Write one line (see `JsonLines.send`)."""
        if self._lines is None:
            self._lines = JsonLines(self._folder / f"{event.stream}-{event.session}.jsonl")
        await self._lines.send(event)
