"""The lineage of a run: the runs it is based on, their commands, their data and its licence terms."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from offline_train.corpora import voices
from offline_train.corpora.citations import citation
from offline_train.errors import RunFolderError
from offline_train.runs.run import Run

_STAGES = {
    ("fusion", "text"): "text2",
    ("fusion", "speech"): "speech2",
    ("text2", "stage1"): "text1",
    ("speech2", "stage1"): "speech1",
}


def lineage(run: Run, name: str) -> dict[str, Run]:
    """A run and all runs it is based on, earlier ones first.

    Args:
        run: a run of any stage.
        name: "fusion", "text2" or "speech2".

    Returns:
        Runs by name: text1, speech1, text2, speech2, fusion; further runs that these are based on have names
        such as "text1.pretrained" or "text1.teachers.2". Each run occurs once.

    Raises:
        RunFolderError: a run is missing or unfinished.
    """
    found: dict[str, Run] = {}
    _walk(run, name, found)
    return found


def _walk(run: Run, name: str, found: dict[str, Run]) -> None:
    if run.folder.resolve() in {each.folder.resolve() for each in found.values()}:
        return
    if not run.folder.is_dir():
        raise RunFolderError(
            f"{run.folder} is missing: a run that {name.rpartition('.')[0] or 'another'} was built on"
        )
    if not run.finished:
        raise RunFolderError(f"{run.folder} is not finished; run the same command again: {run.command}")
    for key, value in run.settings.get("parents", {}).items():
        several = isinstance(value, list)
        for number, path in enumerate(value if several else [value]):
            child = _STAGES.get((name, key), f"{name}.{key}.{number}" if several else f"{name}.{key}")
            if path is not None:
                _walk(Run(Path(path)), child, found)
    found[name] = run


def history(runs: Mapping[str, Run]) -> dict[str, Any]:
    """The history of runs, for a bundle's manifest.

    Returns:
        commands, settings by run, seeds by run, data (title, terms and shareable of each corpus, and use: the
        names of the runs), and shareable: whether the result may be distributed.
    """
    uses: dict[str, list[str]] = {}
    commands: list[str] = []
    for name, run in runs.items():
        for made in _annotations(run):
            commands.append(_made_by(made))
            uses.setdefault(str(made["source"]).partition("/")[0], []).append(name)
        commands.append(run.command)
        for corpus in _corpora(run):
            uses.setdefault(corpus, []).append(name)
    cited = {corpus: citation(corpus) for corpus in uses}
    settings = {name: run.settings.get("settings", {}) for name, run in runs.items()}
    return {
        "commands": list(dict.fromkeys(commands)),
        "settings": settings,
        "seeds": {name: each.get("fit", each).get("seed") for name, each in settings.items()},
        "data": [
            {**cited[corpus]._asdict(), "use": list(dict.fromkeys(used))} for corpus, used in uses.items()
        ],
        "shareable": all(each.shareable for each in cited.values()),
    }


def _corpora(run: Run) -> list[str]:
    stored = run.settings.get("corpus") or []
    sources = [(each["corpus"], each["data"]) for each in (stored if isinstance(stored, list) else [stored])]
    if clips := run.settings.get("clips"):
        sources.append((voices.NAME, clips))
    return [name for corpus, data in sources for name in _parts(corpus, Path(data))]


def _parts(corpus: str, data: Path) -> list[str]:
    """A corpus, or the corpora that corpus "voices" consists of: all there may be, if its folder is gone."""
    if corpus != voices.NAME:
        return [corpus]
    return voices.corpora_in(data) or [*voices.ACTED, voices.ORDINARY.name]


def _annotations(run: Run) -> Iterator[Mapping[str, Any]]:
    """The settings that `annotate` stored beside a run's annotations; for other files, their name only."""
    for path in map(Path, run.settings.get("annotations", [])):
        beside = path.with_name(f"{path.name}.settings.json")
        stored = json.loads(beside.read_text(encoding="utf-8")) if beside.is_file() else {}
        yield {"annotator": "unknown", "source": path.name, **stored, "file": path.name}


def _made_by(made: Mapping[str, Any]) -> str:
    if command := made.get("command"):
        return str(command)
    known = ("file", "annotator", "source")
    details = ", ".join(f"{key}: {value}" for key, value in made.items() if key not in known)
    more = f" ({' '.join(details.split())})" if details else ""
    return f"# {made['file']}: {made['source']} annotated by {made['annotator']}{more}"
