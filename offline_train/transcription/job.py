"""The files of a transcription job: its settings, transcripts and metrics."""

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
    """A file of transcripts, and further files beside it with the same name and another ending.

    Attributes:
        out: the transcripts as JSON Lines, to which results are appended.
        settings: everything that the words depend on.
    """

    out: Path
    settings: Mapping[str, str | int | None]

    def beside(self, ending: str) -> Path:
        """The file beside the transcripts with this ending: settings.json, or cuts.jsonl of recordings."""
        return self.out.with_name(f"{self.out.name}.{ending}")

    def check(self) -> None:
        """Check that `out` does not exist, or is a file of this job.

        Raises:
            RunFolderError: it is something else.
        """
        if self.out.is_dir():
            raise RunFolderError(
                f"{self.out} is a folder: give --out a file, such as {self.out / 'words.jsonl'}"
            )
        if not self.out.exists():
            return  # settings without transcripts may be overwritten
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
        """Write the settings; of an existing job, repair a line that a kill cut off."""
        metrics_file(self.out).unlink(missing_ok=True)
        if self.out.exists():
            mend_lines(self.out)
        else:
            self.out.parent.mkdir(parents=True, exist_ok=True)
            write_json(self.beside("settings.json"), dict(self.settings))

    def done(self) -> dict[str, Transcript]:
        """Stored transcripts by id, without those set aside, which are tried again."""
        if not self.out.exists():
            return {}
        return {each.id: each for each in read_transcripts(self.out) if each.text is not None}

    def append(self, transcripts: Iterable[Transcript]) -> None:
        """Append transcripts in one write, so that a kill loses at most a part of them."""
        lines = "".join(json.dumps(each.row(), ensure_ascii=False) + "\n" for each in transcripts)
        with self.out.open("ab", buffering=0) as file:
            file.write(lines.encode("utf-8"))

    def finish(self, set_aside: Sequence[Transcript]) -> dict[str, Any]:
        """Compute and store the metrics.

        Args:
            set_aside: all utterances that could not be transcribed.

        Returns:
            The metrics: "settings", "utterances", "duration_s", "without_words", "set_aside", and
            "word_error_rate" (see `word_errors`) of "all" and of each split with references.
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
