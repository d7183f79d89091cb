"""A trained bundle on disk: `bundle.json` describes it, safetensors hold the weights, hashes protect both.

`bundle.json` holds the configuration of the networks, the names of the emotions, how the bundle was made and
its scores. It lists the SHA-256 of every other file and, last, a digest of itself. Matrices are stored in
half precision; weights that are not in the bundle (the base encoder's token embeddings, or all of it but its
adapters; Whisper's encoder) are pinned by hash.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from models.adapters import merge_adapters
from models.atomic_write import write_whole
from models.base_encoder import find_base
from models.care import Care, build_care
from models.conversation import ConversationModel
from models.errors import BaseEncoderError, BundleError
from models.incremental_context import IncrementalModel
from models.manifest import FORMAT, SENTIMENTS, FileEntry, Manifest
from models.paths import BUNDLES, DEFAULT_BUNDLE
from models.speech_classifier import SpeechClassifier
from models.text_encoder import TextEncoder

MANIFEST = "bundle.json"
WEIGHTS = "model.safetensors"
CARD = "README.md"
_LARGEST_MANIFEST = 16_000_000
"""Bytes; a longer file is truncated and so rejected as invalid JSON."""


@dataclass(frozen=True)
class Bundle:
    """Networks in evaluation mode.

    Attributes:
        manifest: the content of `bundle.json`.
        text: words -> T1.
        care: sound -> CARE embedding; None for a bundle that uses the words alone.
        speech: CARE embedding, and what is usual for its speaker -> S1; None if `care` is.
        conversation: T1 and S1 of a conversation -> an emotion for every turn.
        sentiment: [C, 3], shares of negative, neutral and positive for each emotion.
    """

    manifest: Manifest
    text: TextEncoder
    care: Care | None
    speech: SpeechClassifier | None
    conversation: ConversationModel
    sentiment: Tensor

    @property
    def name(self) -> str:
        """Name and version, as published in events."""
        return f"{self.manifest.name}@{self.manifest.version}"

    @property
    def labels(self) -> tuple[str, ...]:
        """The emotions, in order of class index."""
        return self.manifest.labels

    @cached_property
    def incremental(self) -> IncrementalModel:
        """The incremental form of Stage I of the voice and the conversation model; built on first use."""
        return IncrementalModel(self.conversation, self.speech)

    @property
    def words_only(self) -> bool:
        """Whether it uses the words alone, and not the sound."""
        return self.care is None

    def probabilities(self, logits: Tensor) -> Tensor:
        """Calibrated probabilities from logits [..., C], fused or not (see `Manifest.temperature`)."""
        return (logits / self.manifest.temperature).softmax(-1)


def find_bundle(name: str | Path) -> Path:
    """The folder of a bundle, given as a folder or as the name of a bundle in this package.

    Raises:
        BundleError: there is none.
    """
    for folder in (Path(name).expanduser(), BUNDLES / name):
        if (folder / MANIFEST).is_file():
            return folder
    known = ", ".join(sorted(path.parent.name for path in BUNDLES.glob(f"*/{MANIFEST}")))
    raise BundleError(f"no bundle {str(name)!r}: give a folder with a {MANIFEST}, or one of: {known}")


def read_manifest(folder: Path) -> Manifest:
    """What the bundle in a folder says of itself, its files checked.

    Raises:
        BundleError: it is broken or was changed.
    """
    return _read(folder)[0]


def load_bundle(name: str | Path = DEFAULT_BUNDLE) -> Bundle:
    """Load a bundle after checking every file of it. Nothing is ever unpickled.

    Raises:
        BundleError: it is missing or was changed, or its base encoder is not available.
    """
    folder = find_bundle(name)
    manifest, weights = _read(folder)
    try:
        base = find_base(manifest.text.base, manifest.base_sha256)
        care = None if manifest.care is None else build_care(manifest.care)
        state = load(weights)
    except (BaseEncoderError, SafetensorError) as error:
        raise BundleError(f"bundle {folder}: {error}") from error
    text = TextEncoder(manifest.text, base)
    if text.dimension != manifest.conversation.text.features:
        raise BundleError(f"bundle {folder}: its conversation model does not fit its text encoder")
    _check_shapes(folder, manifest, state)
    conversation = ConversationModel(manifest.conversation)
    parts = nn.ModuleDict({"text": text, "conversation": conversation})
    speech = None
    if care is not None and manifest.speech is not None:
        speech = SpeechClassifier(care.dimension, manifest.speech)
        parts.update({"care": care, "speech": speech})
    outside = {name for name, parameter in parts.named_parameters() if not parameter.requires_grad}
    needed = parts.state_dict().keys() - outside
    if needed != state.keys():
        odd = ", ".join(sorted(needed ^ state.keys())[:3])
        raise BundleError(f"bundle {folder}: its weights don't fit its configuration ({odd}, ...)")
    try:
        parts.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise BundleError(f"bundle {folder}: its weights don't fit its configuration") from error
    merge_adapters(text.backbone)
    parts.eval().requires_grad_(requires_grad=False)
    sentiment = torch.tensor(
        [[manifest.sentiment[label].get(s, 0.0) for s in SENTIMENTS] for label in manifest.labels]
    )
    return Bundle(manifest, text, care, speech, conversation, sentiment)


def _check_shapes(folder: Path, manifest: Manifest, state: Mapping[str, Tensor]) -> None:
    """Check that the weights fit the configured conversation model, before memory is allocated for it.

    Raises:
        BundleError: they do not fit, or the configuration is invalid.
    """
    try:
        with torch.device("meta"):
            sketch = nn.ModuleDict({"conversation": ConversationModel(manifest.conversation)}).state_dict()
    except (ValueError, RuntimeError, AssertionError) as error:
        reason = " ".join(str(error).split())
        raise BundleError(f"bundle {folder}: its conversation model cannot be built: {reason}") from error
    for name, value in sketch.items():
        if name in state and state[name].shape != value.shape:
            raise BundleError(f"bundle {folder}: its weights don't fit its configuration ({name})")


def save_bundle(folder: Path, manifest: Manifest, parts: Mapping[str, nn.Module], card: str) -> None:
    """Write a bundle; `bundle.json` last, so that an incomplete one is not accepted.

    Args:
        folder: the folder to write to; created.
        manifest: the content of `bundle.json`; `format` and `files` are filled in here.
        parts: "text" and "conversation", and with a speech path "speech", as `load_bundle` builds them; also
            "care", unless it is frozen. Parameters that do not require a gradient belong to base models and
            are left out.
        card: the model card, Markdown.
    """
    folder.mkdir(parents=True, exist_ok=True)
    together = nn.ModuleDict(parts)
    outside = {name for name, parameter in together.named_parameters() if not parameter.requires_grad}
    state = {
        name: _stored(value)
        for name, value in together.state_dict(keep_vars=True).items()
        if name not in outside
    }
    contents = {WEIGHTS: save(state), CARD: card.encode()}
    files = {name: FileEntry(sha256=_sha256(data), bytes=len(data)) for name, data in contents.items()}
    content = manifest.model_copy(update={"format": FORMAT, "files": files}).model_dump(mode="json")
    content["digest"] = _digest(content)
    contents[MANIFEST] = _lines(content).encode()
    (folder / MANIFEST).unlink(missing_ok=True)
    for name, data in contents.items():
        write_whole(folder / name, data)


def _stored(value: Tensor) -> Tensor:
    """Matrices in half precision; biases, norms and statistics, which are small, unchanged."""
    weight = value.detach().contiguous()
    matrix = isinstance(value, nn.Parameter) and value.ndim >= 2
    if matrix and float(weight.abs().max()) <= torch.finfo(torch.half).max:
        return weight.half()
    return weight


def _read(folder: Path) -> tuple[Manifest, bytes]:
    changed = f"bundle {folder} was changed: %s; fetch it again"
    try:
        with (folder / MANIFEST).open("rb") as file:
            content = json.loads(file.read(_LARGEST_MANIFEST))
        digest, made = content.pop("digest"), content["format"]
        intact = digest == _digest(content)
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError, OSError) as error:
        raise BundleError(changed % f"{MANIFEST} can't be read") from error
    if not intact:
        raise BundleError(changed % f"{MANIFEST} does not match its digest")
    if isinstance(made, int) and made > FORMAT:
        raise BundleError(
            f"bundle {folder} is of format {made}, and this version reads {FORMAT}: upgrade merits-live"
        )
    if isinstance(made, int) and made < FORMAT:
        raise BundleError(f"bundle {folder} was made by an earlier version: make or fetch it again")
    try:
        manifest = Manifest.model_validate(content)
    except ValidationError as error:
        what = error.errors()[0]
        where = ".".join(str(part) for part in what["loc"])
        raise BundleError(
            f"bundle {folder}: {MANIFEST}: {where}: {what['msg']}; made by another version?"
        ) from error
    contents = {}
    for name, entry in manifest.files.items():
        try:
            contents[name] = (folder / Path(name).name).read_bytes()
        except (OSError, ValueError) as error:  # ValueError: invalid file name
            why = error.strerror if isinstance(error, OSError) else str(error)
            raise BundleError(f"bundle {folder}: {name!a} can't be read: {why}; fetch it again") from error
        if _sha256(contents[name]) != entry.sha256:
            raise BundleError(changed % f"{name} does not match its SHA-256")
    if WEIGHTS not in contents:
        raise BundleError(f"bundle {folder}: {MANIFEST} lists no {WEIGHTS}; fetch it again")
    return manifest, contents[WEIGHTS]


def _lines(content: Mapping[str, Any]) -> str:
    """JSON with a line for each key."""
    pairs = (f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in content.items())
    return "{\n" + ",\n".join(pairs) + "\n}\n"


def _digest(content: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical form: sorted keys, no white space."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return _sha256(canonical.encode())


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
