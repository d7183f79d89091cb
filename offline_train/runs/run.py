"""A training run on disk: its settings and results. Finished runs are not repeated."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from models.atomic_write import replacing
from offline_train.errors import RunFolderError
from offline_train.files import plain, write_json
from offline_train.training.checkpoint import remove_checkpoint
from offline_train.training.devices import here
from offline_train.training.optimiser import trained_state

_WEIGHTS = "weights.safetensors"


@dataclass(frozen=True)
class Run:
    """A folder with settings, config and metrics as JSON, weights as safetensors, and the files of `fit`."""

    folder: Path

    @classmethod
    def open(cls, folder: Path, settings: Mapping[str, Any], command: str) -> "Run":
        """Start a run, or open an existing one.

        Settings of a run that has not taken a step yet may be changed.

        Args:
            folder: the run's folder.
            settings: all settings.
            command: the command line, for the model card.

        Raises:
            RunFolderError: the folder holds a run with other settings, or can't be used.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunFolderError(f"{folder} can't be a run's folder: {error.strerror}") from None
        path = folder / "settings.json"
        asked = json.loads(json.dumps(settings, default=plain))
        begun = {each.name for each in folder.iterdir()} - {"settings.json", "command.json"}
        if path.exists() and begun:
            stored = _with_defaults(_read_json(path), settings)
            if stored != asked:
                raise RunFolderError(
                    f"{folder} holds a run with other settings ({_difference(stored, asked)}); choose another"
                    f" --out or remove it"
                )
        elif here().first:
            write_json(folder / "command.json", command)
            write_json(path, asked)
        run = cls(folder)
        if run.finished and here().first:
            remove_checkpoint(folder)  # a kill may have prevented its removal
        here().wait()
        return run

    @property
    def finished(self) -> bool:
        """Whether the run is complete."""
        return (self.folder / "metrics.json").exists()

    @property
    def settings(self) -> dict[str, Any]:
        """The settings."""
        return dict(self._read("settings.json"))

    @property
    def command(self) -> str:
        """The command line."""
        return str(self._read("command.json"))

    @property
    def config(self) -> dict[str, Any]:
        """The configuration of the model."""
        return dict(self._read("config.json"))

    @property
    def metrics(self) -> dict[str, Any]:
        """The metrics."""
        return dict(self._read("metrics.json"))

    def load_weights(self, model: nn.Module) -> None:
        """Load the run's weights into a model built from `config`.

        Raises:
            RunFolderError: the weights are missing, damaged or of another model.
        """
        try:
            found = model.load_state_dict(self._weights(), strict=False)
        except RuntimeError:  # shapes
            raise self._of_another_model() from None
        if found.unexpected_keys:
            raise self._of_another_model()
        model.eval()

    def weight_shape(self, name: str) -> tuple[int, ...]:
        """The shape of one of the run's weights.

        Raises:
            RunFolderError: the weights are missing, damaged or of another model.
        """
        weights = self._weights()
        if name not in weights:
            raise self._of_another_model()
        return tuple(weights[name].shape)

    def _weights(self) -> dict[str, Tensor]:
        path = self.folder / _WEIGHTS
        try:
            return load_file(path)
        except FileNotFoundError:
            raise RunFolderError(f"{self.folder} is no finished run: {_WEIGHTS} is missing") from None
        except SafetensorError:
            raise RunFolderError(f"{path} is damaged; remove {self.folder} and run its stage again") from None

    def _of_another_model(self) -> RunFolderError:
        return RunFolderError(f"{self.folder / _WEIGHTS} holds another model's weights; run its stage again")

    def finish(self, model: nn.Module, config: Mapping[str, Any], metrics: Mapping[str, Any]) -> None:
        """Store the result; metrics last, since they mark the run as complete. Then remove the checkpoint."""
        if here().first:
            state = {name: value.contiguous() for name, value in trained_state(model).items()}
            with replacing(self.folder / _WEIGHTS) as partial:
                save_file(state, partial)
            write_json(self.folder / "config.json", config)
            write_json(self.folder / "metrics.json", metrics)
            remove_checkpoint(self.folder)
        here().wait()

    def _read(self, name: str) -> Any:
        path = self.folder / name
        if not path.is_file():
            raise RunFolderError(f"{self.folder} is no finished run: {name} is missing; run its stage first")
        return _read_json(path)


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise RunFolderError(f"{path} is damaged; remove {path.parent} and run its stage again") from None


def _with_defaults(stored: Any, settings: Mapping[str, Any]) -> Any:
    """The stored settings of a run, with defaults for settings that were added later.

    The default of a new setting must therefore be the behaviour before it was added.
    """
    known = dict(stored)
    for key, asked in settings.items():
        if is_dataclass(asked) and not isinstance(asked, type) and isinstance(known.get(key), dict):
            try:
                defaults = json.loads(json.dumps(type(asked)(), default=plain))
            except TypeError:  # without defaults, no settings were added
                continue
            known[key] = _over(defaults, known[key])
    return known


def _over(defaults: dict[str, Any], stored: dict[str, Any]) -> dict[str, Any]:
    both = {
        key: _over(defaults[key], value)
        if isinstance(value, dict) and isinstance(defaults.get(key), dict)
        else value
        for key, value in stored.items()
    }
    return {**defaults, **both}


def _difference(stored: Any, asked: Any, name: str = "") -> str:
    """Describe the differences by dotted name: the stored value, then the requested one."""
    if not (isinstance(stored, dict) and isinstance(asked, dict)):
        return f"{name}: {json.dumps(stored)}, not {json.dumps(asked)}"
    return ", ".join(
        _difference(stored.get(key), asked.get(key), f"{name}.{key}" if name else key)
        for key in sorted(stored.keys() | asked.keys())
        if stored.get(key) != asked.get(key)
    )
