"""Gathers runs on disk into `results.json`, from which tables can be rendered without the runs."""

import json
import os
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from offline_train.ablations.scores import scores
from offline_train.errors import RunFolderError
from offline_train.runs.run import Run
from offline_train.settings.settings import resolve
from offline_train.stages.pretrain_care import PretrainCareSettings
from offline_train.stages.pretrain_text import PretrainTextSettings
from offline_train.stages.stage1_features import FeatureStageSettings
from offline_train.stages.stage1_speech import SpeechStageSettings
from offline_train.stages.stage1_text import TextStageSettings
from offline_train.stages.stage2 import ContextStageSettings
from offline_train.stages.stage3 import FusionStageSettings

Json = dict[str, Any]
_NO_MATTER = ("fit.seed", "fit.log_every", "fit.checkpoint_share")
_BELOW = ("stage1", "text", "speech", "pretrained")
"""Roles of the runs that a run is based on; the others are its teachers."""

_SETTINGS: dict[str, type[Any]] = {
    "pretrain-text": PretrainTextSettings,
    "pretrain-care": PretrainCareSettings,
    "stage1-text": TextStageSettings,
    "stage1-speech": SpeechStageSettings,
    "stage1-features": FeatureStageSettings,
    "stage2": ContextStageSettings,
    "stage3": FusionStageSettings,
}
"""Settings by section of a preset."""

EMPTY: Json = {"recipes": {}, "runs": {}, "ablations": {}, "evaluations": {}, "annotators": {}}


@dataclass
class Gathered:
    """The results, and the folders that could not be used.

    Attributes:
        results: as stored in `results.json`:
            recipes: by id, everything that defines a run except seed and fold: stage ("stage1"..), modality
                ("text", "speech" or None), corpus, features, transcripts, paired (with sound of other
                speakers), pretrained (names of annotations), settings (dotted names), changed (those that
                differ from preset "small"), parents (recipe ids by role).
            runs: by folder: recipe, seed, draw (seeds of this run and its parents), fold, command, parents
                (runs it is based on), helpers (its teachers), scores, and the test confusion of a fold.
            ablations: summaries, by file.
            evaluations: by file: run, corpus, split, look_ahead, windows, calibration and others, command.
            annotators: by file: annotator, source, texts, set_aside, labels, agreement with people, command.
        left_out: folders without a finished run in the current format.
    """

    results: Json
    left_out: list[str] = field(default_factory=list)


def gather(root: Path, stored: Mapping[str, Any] | None = None) -> Gathered:
    """Read every finished run, ablation and evaluation under a folder.

    Args:
        root: folder of the runs; paths are stored relative to it.
        stored: a `results.json` to update; entries are replaced by those under `root` with the same path.
    """
    return _Gatherer(root, stored or EMPTY).gather()


class _Gatherer:
    def __init__(self, root: Path, stored: Mapping[str, Any]) -> None:
        self.root = root
        self.results: Json = {key: dict(stored.get(key, {})) for key in EMPTY}
        self.left_out: list[str] = []
        self._read: dict[str, Json | None] = {}

    def gather(self) -> Gathered:
        for path in sorted(self.root.rglob("settings.json")):
            if (path.parent / "metrics.json").is_file():
                self._run(path.parent)
        for path in sorted(self.root.rglob("*.json")):
            self._other(path)
        used = {run["recipe"] for run in self.results["runs"].values()}
        self.results["recipes"] = {key: self.results["recipes"][key] for key in sorted(used)}
        for key in ("runs", "ablations", "evaluations", "annotators"):
            self.results[key] = dict(sorted(self.results[key].items()))
        return Gathered(self.results, self.left_out)

    def _run(self, folder: Path) -> Json | None:
        """A run's record; None if it is not in the current format."""
        key = self._key(folder)
        if key in self._read:
            return self._read[key]
        try:
            record = self._record(Run(folder))
        except (
            RunFolderError,
            KeyError,
            TypeError,
            AttributeError,
            ValueError,
        ):  # of another form or program
            self.left_out.append(key)
            self._read[key] = None
            return None
        self._read[key] = self.results["runs"][key] = record
        return record

    def _record(self, run: Run) -> Json:
        settings = run.settings
        chosen, source = settings["settings"], settings.get("corpus") or {}
        named = _parents(settings["parents"])
        parents = {role: self._find(path) for role, path in named.items()}
        records = {role: (found and self._stored(found)) for role, found in parents.items()}
        stage, modality, section = _kind(run)
        preset = _preset(section)
        # The default of a setting is the behaviour of runs before it was added.
        flat = {
            name: value for name, value in (preset | dict(_flat(chosen))).items() if name not in _NO_MATTER
        }
        if "base" in flat:
            flat["base"] = Path(str(flat["base"])).name
        recipe = {
            "stage": stage,
            "modality": modality,
            "corpus": source.get("corpus"),
            "features": source.get("features"),
            "transcripts": source.get("transcripts") and Path(source["transcripts"]).stem,
            "paired": bool(settings.get("clips")),
            "pretrained": sorted(Path(path).stem for path in settings.get("annotations", [])),
            "settings": flat,
            "parents": {
                role: record["recipe"] if record else str(named[role]) for role, record in records.items()
            },
        }
        identity = sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:10]
        if identity not in self.results["recipes"]:
            changed = {name: value for name, value in flat.items() if preset.get(name) != value}
            self.results["recipes"][identity] = {**recipe, "changed": changed}
        seed = int(chosen["fit"]["seed"])
        draws = [record["draw"] if record else "?" for record in records.values()]
        record = {
            "recipe": identity,
            "seed": seed,
            "draw": f"{seed}({','.join(draws)})" if draws else str(seed),
            "fold": source.get("fold"),
            "command": portable(run.command),
            "parents": [self._key(found) for role, found in parents.items() if found and role in _BELOW],
            "helpers": [self._key(found) for role, found in parents.items() if found and role not in _BELOW],
            "scores": _rounded(scores([run])),
        }
        if record["fold"] is not None:
            record["confusion"] = run.metrics["test"]["confusion"]
        return record

    def _other(self, path: Path) -> None:
        """Add an ablation's summary, an evaluation's report or an annotator's agreement with people."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, OSError):
            return
        if not isinstance(content, dict) or not isinstance(content.get("command"), str):
            return
        key = path.relative_to(self.root).as_posix()
        if "experiment" in content and "rows" in content:
            rows = [
                {
                    **row,
                    "commands": [portable(line) for line in row["commands"]],
                    "runs": [self._key(Path(run)) for run in row["runs"]],
                }
                for row in content["rows"]
            ]
            summary = {**content, "command": portable(content["command"]), "rows": rows}
            self.results["ablations"][key] = _rounded(summary)
        elif "calibration" in content and "split" in content:
            found = self._find(Path(content["run"])) if "run" in content else None
            record = self._stored(found) if found else None
            kept = ("corpus", "split", "window", "modalities", "streaming_gap", "look_ahead", "windows")
            calibration = {
                name: value
                for name, value in content["calibration"].items()
                if not isinstance(value, list | dict)
            }
            self.results["evaluations"][key] = _rounded(
                {
                    "command": portable(content["command"]),
                    "bundle": content.get("bundle"),
                    "run": found and self._key(found),
                    **{name: record and record[name] for name in ("recipe", "draw", "seed")},
                    "weighted_f1": content.get("bundle_offline", {}).get("weighted_f1"),
                    **{name: content[name] for name in kept if name in content},
                    "calibration": calibration,
                }
            )

        elif "annotator" in content and "oracle" in content:
            told = ("annotator", "source", "texts", "set_aside", "labels", "oracle")
            report = {"command": portable(content["command"]), **{name: content[name] for name in told}}
            self.results["annotators"][key] = _rounded(report)

    def _stored(self, folder: Path) -> Json | None:
        """The record of a run on disk, or else in the stored `results.json`."""
        found = self._run(folder) if (folder / "metrics.json").is_file() else None
        return found or self.results["runs"].get(self._key(folder))

    def _find(self, path: Path) -> Path | None:
        """The folder of a run, given by a path that may be relative to another place."""
        places = [path, *(self.root.joinpath(*path.parts[i:]) for i in range(len(path.parts)))]
        for place in places:
            if (place / "settings.json").is_file() or self._key(place) in self.results["runs"]:
                return place
        return None

    def _key(self, folder: Path) -> str:
        return os.path.relpath(folder, self.root).replace(os.sep, "/")


def portable(command: str) -> str:
    """A command without absolute paths: relative ones instead, or names only for distant files."""
    return shlex.join(_portable(token) for token in shlex.split(command))


def _portable(token: str) -> str:
    name, equals, value = token.partition("=")
    if equals and value.startswith("/"):
        return f"{name}={_portable(value)}"
    if not token.startswith("/"):
        return token
    near = os.path.relpath(token)
    return near if near.count("..") <= 1 else Path(token).name


def _parents(stored: Mapping[str, Any]) -> dict[str, Path]:
    """Parent runs by role, numbered if there may be several."""
    found: dict[str, Path] = {}
    for role, value in stored.items():
        if isinstance(value, list):
            found |= {f"{role.removesuffix('s')} {n}": Path(path) for n, path in enumerate(value, start=1)}
        elif value:
            found[role] = Path(value)
    return found


def _kind(run: Run) -> tuple[str, str | None, str]:
    """Stage, modality and the section of its settings."""
    settings, config = run.settings, run.config
    if "annotations" in settings:
        return "pretrain-text", "text", "pretrain-text"
    if "audio" in settings:
        return "pretrain-care", "speech", "pretrain-care"
    if "speech" in settings["parents"]:
        return "stage3", None, "stage3"
    if "stage1" in settings["parents"]:
        return "stage2", str(config["modality"]), "stage2"
    if "text" in config:
        return "stage1", "text", "stage1-text"
    return "stage1", "speech", "stage1-features" if "features" in config else "stage1-speech"


def _preset(section: str) -> Json:
    """Settings of preset "small" for a section, by dotted name."""
    return dict(_flat(asdict(resolve(_SETTINGS[section], section))))


def _flat(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def _rounded(value: Any) -> Any:
    """Round numbers to four decimals, enough for scores in percent."""
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, Mapping):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(each) for each in value]
    return value
