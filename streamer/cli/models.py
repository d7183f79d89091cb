"""`merits models`: the models on this machine, and those that can be had besides."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib.metadata import distribution
from pathlib import Path
from time import process_time
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from models.errors import BaseEncoderError, BundleError, WhisperModelError
from models.whisper.find_model import NEEDED_FILES
from models.whisper.packaged_weights import PACKAGED_MODELS, packaged_model
from streamer.printable import printable
from streamer.settings.settings import Settings
from streamer.turn_embedding.choose_bundle import names

LICENCES = {"all-MiniLM-L6-v2": "Apache-2.0", "all-mpnet-base-v2": "Apache-2.0"}
"""Of base encoders."""

Find = Callable[[], "FoundModel | None"]
_PINNED = {model.files["model.bin"]: model for model in PACKAGED_MODELS.values()}


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A model on this machine.

    Attributes:
        use: "words" (a recogniser), "emotions" (a bundle), "encoder" (what a bundle is built on) or
            "activity" (of the voice).
        name: what options call it, where it can be chosen.
        folder: where it lies.
        bytes: size of its files.
        sha256: of its weights, in hexadecimal.
        pinned: whether the program pins that hash, and refuses another.
        licence: of the weights; None if unknown.
        languages: of a recogniser: "English", or how many it knows.
        real_time_factor: of a recogniser: processor time of a second of speech, in one thread.
    """

    use: str
    name: str
    folder: Path
    bytes: int
    sha256: str
    pinned: bool
    licence: str | None
    languages: str | None = None
    real_time_factor: float | None = None


def list_models(settings: Settings, *, speed: bool, as_json: bool) -> int:
    """Print them.

    Args:
        settings: name the bundle.
        speed: whether recognisers are measured.
        as_json: print one JSON object, for programs.

    Returns:
        The exit code: 0, or 1 if one of the models was changed or can't be read.
    """
    found: list[FoundModel] = []
    faults: list[str] = []
    with Console(stderr=True).status("looking for models") as status:
        for look in (*_recognisers(), *_others(settings)):
            try:
                model = look()
                if model is not None and speed and model.use == "words":
                    status.update(f"measuring {escape(model.name)}")
                    model = replace(model, real_time_factor=_real_time_factor(model))
                found += [] if model is None else [model]
            except (WhisperModelError, BundleError, BaseEncoderError) as error:
                faults.append(str(error))
    if as_json:
        models = [{**asdict(model), "folder": str(model.folder)} for model in found]
        print(json.dumps({"models": models, "faults": faults, "more": _more(found)}, indent=2))
    else:
        _print(found, faults)
    return 1 if faults else 0


def whisper_model(name: str, folder: Path) -> FoundModel:
    """A recogniser's model in CTranslate2 format.

    Raises:
        WhisperModelError: it can't be read.
    """
    try:
        sha256 = _sha256(folder / "model.bin")
        languages = json.loads((folder / "config.json").read_bytes()).get("lang_ids", ())
        size = _size(folder)
    except (OSError, ValueError, AttributeError) as error:
        raise WhisperModelError(f"the Whisper model {name} in {folder} can't be read: {error}") from error
    pinned = _PINNED.get(sha256)
    english = name.endswith(".en") or "distil" in name or len(languages) < 2
    return FoundModel(
        "words",
        name,
        folder,
        size,
        sha256,
        pinned is not None,
        None if pinned is None else pinned.licence,
        "English" if english else str(len(languages)),
    )


def megabytes(size: int) -> str:
    """A size for people."""
    return f"{size / 1e6:,.0f} MB"


def _recognisers() -> Iterator[Find]:
    """Those in packages, then those in the hub's cache."""
    for size in PACKAGED_MODELS:

        def packaged(size: str = size) -> FoundModel | None:
            folder = packaged_model(size)
            return None if folder is None else whisper_model(size, folder)

        yield packaged
    for name, folder in _cached():
        yield partial(whisper_model, name, folder)


def _cached() -> Iterator[tuple[str, Path]]:
    """Whole Whisper models in the hub's cache, by the name to choose them by."""
    from faster_whisper import available_models
    from huggingface_hub import constants, scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        repositories = scan_cache_dir(constants.HF_HUB_CACHE).repos
    except CacheNotFound:
        return
    for repository in sorted(repositories, key=lambda each: each.repo_id):
        size = repository.repo_id.removeprefix("Systran/faster-whisper-")
        for revision in sorted(repository.revisions, key=lambda each: each.last_modified)[-1:]:
            folder = Path(revision.snapshot_path)
            if all((folder / name).is_file() for name in NEEDED_FILES):
                yield size if size in available_models() else repository.repo_id, folder


def _others(settings: Settings) -> Iterator[Find]:
    from models.base_encoder import WEIGHTS, find_base
    from models.bundle import find_bundle, read_manifest

    def bundle(given: str) -> FoundModel:
        folder = find_bundle(given)
        manifest = read_manifest(folder)
        name, sha256 = f"{manifest.name}@{manifest.version}", manifest.files[WEIGHTS].sha256
        return FoundModel("emotions", name, folder, _size(folder), sha256, True, "see README")

    def encoder(given: str) -> FoundModel:
        manifest = read_manifest(find_bundle(given))
        name, sha256 = manifest.text.base, manifest.base_sha256
        folder = find_base(name, sha256)
        return FoundModel("encoder", name, folder, _size(folder), sha256, True, LICENCES.get(name))

    def voice_activity() -> FoundModel:
        from streamer.turns.silero import NETWORK

        path = Path(str(distribution("silero-vad").locate_file(NETWORK)))
        size = path.stat().st_size
        return FoundModel("activity", "silero-vad", path.parent, size, _sha256(path), False, "MIT")

    for name in names(settings.bundle):
        yield partial(bundle, name)
        yield partial(encoder, name)
    yield voice_activity


def _real_time_factor(model: FoundModel) -> float:
    from streamer.transcribers.speed import real_time_factor
    from streamer.transcribers.whisper import Whisper

    return real_time_factor(Whisper(str(model.folder), device="cpu", cpu_threads=1), process_time)


def _more(found: Sequence[FoundModel]) -> dict[str, Any]:
    """Recognisers that are not here: by the extra that installs them, and sizes on the model hub."""
    from faster_whisper import available_models

    here = {model.name for model in found}
    extras = {
        model.extra: size for size, model in PACKAGED_MODELS.items() if model.extra and size not in here
    }
    return {"extras": extras, "sizes": [size for size in available_models() if size not in here]}


def _print(found: Sequence[FoundModel], faults: Sequence[str]) -> None:
    console = Console()
    table = Table("use", "name", "size", "licence", "SHA-256", "languages", "speed", box=None, pad_edge=False)
    for model in found:
        factor = model.real_time_factor
        cells = (
            model.use,
            model.name,
            megabytes(model.bytes),
            model.licence or "unknown",
            model.sha256[:12],
            model.languages or "",
            "" if factor is None else f"{factor:.3f}",
        )
        table.add_row(*(escape(printable(cell)) for cell in cells))
    console.print(table)
    lines = [f"fails  {fault}" for fault in faults]
    if any(model.real_time_factor is not None for model in found):
        lines.append("speed: seconds of one core for a second of speech")
    more = _more(found)
    lines += [f"pip install 'merits-live[{extra}]' adds {size}" for extra, size in more["extras"].items()]
    lines += [
        "--asr faster-whisper:NAME takes another recogniser, :FOLDER a model in CTranslate2 format.",
        f"Fetched from the model hub when first named: {', '.join(more['sizes'])}",
    ]
    for line in lines:
        console.print(escape(printable(line)), highlight=False, soft_wrap=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
