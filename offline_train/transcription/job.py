"""A transcription job on disk: what was asked, what is done, what came out."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from offline_train.corpora.corpus import SPLITS
from offline_train.errors import RunFolderError
from offline_train.files import mend_lines, write_json
from offline_train.transcription.transcripts import Transcript, metrics_file, read_transcripts
from offline_train.transcription.word_errors import word_errors


@dataclass(frozen=True)
class Job:
    """Transcripts as JSON Lines in `out`, and beside it files of the same name with more endings.

    Attributes:
        out: the transcripts, only ever appended to.
        settings: all that the words depend on.
    """

    out: Path
    settings: Mapping[str, str | int | None]

    def beside(self, ending: str) -> Path:
        """A file that belongs to the transcripts: settings.json, and cuts.jsonl where long ones were cut."""
        return self.out.with_name(f"{self.out.name}.{ending}")

    def check(self) -> None:
        """Make sure that `out` is free, or holds this same job.

        Raises:
            RunFolderError: it is something else.
        """
        if self.out.is_dir():
            raise RunFolderError(
                f"{self.out} is a folder: give --out a file, such as {self.out / 'words.jsonl'}"
            )
        if not self.out.exists():
            return  # settings without a transcript bind nobody
        if not self.beside("settings.json").exists():
            raise RunFolderError(f"{self.out} is there already, and not from here: choose another --out")
        stored, asked = json.loads(self.beside("settings.json").read_text(encoding="utf-8")), self.settings
        changed = sorted(key for key in stored.keys() | asked.keys() if stored.get(key) != asked.get(key))
        if changed:
            differences = ", ".join(f"{key} {stored.get(key)}, not {asked.get(key)}" for key in changed)
            raise RunFolderError(
                f"{self.out} is of other settings ({differences}): choose another --out or remove it"
            )

    def start(self) -> None:
        """Store what is asked, or mend what a kill has left."""
        metrics_file(self.out).unlink(missing_ok=True)
        if self.out.exists():
            mend_lines(self.out)
        else:
            self.out.parent.mkdir(parents=True, exist_ok=True)
            write_json(self.beside("settings.json"), dict(self.settings))

    def done(self) -> dict[str, Transcript]:
        """What is there, by id; without what was set aside, since that may have been mended."""
        if not self.out.exists():
            return {}
        return {each.id: each for each in read_transcripts(self.out) if each.text is not None}

    def append(self, transcripts: Iterable[Transcript]) -> None:
        """Add transcripts in one write, so that a kill leaves all of them or none (or a torn end)."""
        lines = "".join(json.dumps(each.row(), ensure_ascii=False) + "\n" for each in transcripts)
        with self.out.open("ab", buffering=0) as file:
            file.write(lines.encode("utf-8"))

    def finish(self, set_aside: Sequence[Transcript]) -> dict[str, Any]:
        """Count and judge what is there, and store that.

        Args:
            set_aside: all that could not be transcribed.

        Returns:
            What is stored: "settings", "utterances", "duration_s", "without_words", "set_aside", and
            "word_error_rate" (see `word_errors`) of "all" and of each split, where there are references.
        """
        transcripts = list(self.done().values())
        judged = {"all": word_errors(transcripts)}
        for split in SPLITS:
            judged[split] = word_errors(each for each in transcripts if each.split == split)
        metrics = {
            "settings": dict(self.settings),
            "utterances": len(transcripts),
            "duration_s": round(sum(each.duration_s or 0.0 for each in transcripts), 3),
            "without_words": sum(each.text == "" for each in transcripts),
            "set_aside": [each.row() for each in set_aside],
            "word_error_rate": {part: errors for part, errors in judged.items() if errors is not None},
        }
        write_json(metrics_file(self.out), metrics)
        return metrics
