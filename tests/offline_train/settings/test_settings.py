"""Settings: which source wins, and that each mistake gets one line that names it."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from offline_train.errors import UsageError
from offline_train.settings.settings import SECTIONS, presets, resolve
from offline_train.stages.pretrain_care import PretrainCareSettings
from offline_train.stages.pretrain_text import PretrainTextSettings
from offline_train.stages.stage1_features import FeatureStageSettings
from offline_train.stages.stage1_speech import SpeechStageSettings
from offline_train.stages.stage1_text import TextStageSettings
from offline_train.stages.stage2 import ContextStageSettings
from offline_train.stages.stage3 import FusionStageSettings
from offline_train.training.fit import FitSettings

KINDS: dict[str, type] = {
    "pretrain-text": PretrainTextSettings,
    "pretrain-care": PretrainCareSettings,
    "stage1-text": TextStageSettings,
    "stage1-speech": SpeechStageSettings,
    "stage1-features": FeatureStageSettings,
    "stage2": ContextStageSettings,
    "stage3": FusionStageSettings,
}


@dataclass(frozen=True)
class Sample:
    """Every kind of setting."""

    base: str = "small"
    folder: Path = Path("here")
    hidden: int = 8
    kind: Literal["gru", "lstm"] = "gru"
    ends: tuple[float, float] = (0.0, 1.0)
    name: str | None = None
    fit: FitSettings = field(default_factory=lambda: FitSettings(epochs=5, learning_rate=1e-3, patience=3))
    other: FitSettings | None = None

    def __post_init__(self) -> None:
        if self.hidden % 2:
            raise ValueError("hidden must be even")


def sample(
    tmp_path: Path, text: str | None = None, overrides: Mapping[str, Any] | None = None, preset: str = "small"
) -> Sample:
    path = None
    if text is not None:
        path = tmp_path / "my.yaml"
        path.write_text(text)
    return resolve(Sample, "stage2", preset, path, overrides)


def test_defaults_below_file_below_flags(tmp_path: Path) -> None:
    assert sample(tmp_path) == Sample()
    text = "stage2: {hidden: 4, fit: {epochs: 7, patience: null}}\nstage3: {anything: 1}\n"
    found = sample(tmp_path, text, {"fit.epochs": 9, "base": "large"})
    assert (found.hidden, found.base) == (4, "large")
    assert found.fit == FitSettings(epochs=9, learning_rate=1e-3, patience=None)


def test_the_preset_is_below_the_file(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text("stage2: {layers: 3}")
    found = resolve(ContextStageSettings, "stage2", "paper", path)
    assert (found.layers, found.hidden, found.heads, found.fit.epochs) == (3, 512, 8, 50)
    assert (found.fit.learning_rate, found.scarcity.prefix, found.fit.patience) == (1e-4, 0.0, None)


@pytest.mark.parametrize("number", ["1e-4", "1E-4", "1.0e-4", ".0001", "0.0001"])
def test_every_spelling_of_a_number(tmp_path: Path, number: str) -> None:
    assert sample(tmp_path, f"stage2: {{fit: {{learning_rate: {number}}}}}").fit.learning_rate == 1e-4
    assert sample(tmp_path, overrides={"fit.learning_rate": number}).fit.learning_rate == 1e-4


def test_text_is_text_where_text_is_wanted(tmp_path: Path) -> None:
    given = {"base": "1e-4", "folder": "12", "name": "null", "ends": "[1, 2]", "fit.patience": "null"}
    found = sample(tmp_path, overrides=given)
    assert (found.base, found.folder, found.name) == ("1e-4", Path("12"), None)
    assert (found.ends, found.fit.patience) == ((1.0, 2.0), None)


def test_a_nested_group_may_come_whole(tmp_path: Path) -> None:
    given = {"fit": {"epochs": 2}, "other": {"epochs": 1, "learning_rate": 0.5}}
    found = sample(tmp_path, overrides=given)
    assert (found.fit.epochs, found.fit.patience) == (2, 3)
    assert found.other == FitSettings(epochs=1, learning_rate=0.5)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stage2: {hiden: 3}", "my.yaml: stage2.hiden is no setting, did you mean hidden?; there are base, "),
        (
            "stage2: {fit: {epoch: 3}}",
            "my.yaml: stage2.fit.epoch is no setting, did you mean epochs?; fit ",
        ),
        ("stage2: {3: 3}", "my.yaml: stage2.3 is no setting; there are"),
        ("stage2: {hidden: '3'}", 'my.yaml: stage2.hidden "3": input should be a valid integer'),
        ("stage2: {hidden: yes}", "my.yaml: stage2.hidden true: input should be a valid integer"),
        ("stage2: {hidden: 3.5}", "my.yaml: stage2.hidden 3.5: input should be a valid integer"),
        ("stage2: {hidden: 3}", "settings: hidden must be even"),
        ("stage2: {base: 3}", "my.yaml: stage2.base 3: input should be a valid string"),
        ("stage2: {base: 2020-01-01}", ""),
        ("stage2: {kind: rnn}", "my.yaml: stage2.kind \"rnn\": input should be 'gru' or 'lstm'"),
        ("stage2: {ends: [1]}", "my.yaml: stage2.ends.1 must be set"),
        ("stage2: {fit: 3}", "my.yaml: stage2.fit 3: input should be a mapping"),
        ("stage2: {fit: {epochs: 0}}", "my.yaml: stage2.fit.epochs 0: input should be greater than 0"),
        ("stage2: {fit: {learning_rate: .nan}}", "my.yaml: stage2.fit.learning_rate"),
        ("stage2: {fit: {average: 1}}", "my.yaml: stage2.fit.average 1: input should be less than 1"),
        ("stage2: {other: {epochs: 1}}", "my.yaml: stage2.other.learning_rate must be set"),
        ("stage2: 3", "my.yaml: stage2 must be a mapping of settings, not 3"),
        ("stage9: {}", "my.yaml: there is no section stage9, did you mean stage"),
        ("- stage2", "my.yaml: expected sections such as stage2"),
        ("stage2:\n  hidden: 4\n  hidden: 6", "my.yaml, line 3: hidden is there twice"),
        ("stage2: {hidden: [", "my.yaml, line 1: "),
        ("stage2: !!python/object:os.system {}", "my.yaml, line 1: could not determine a constructor"),
        ("\tstage2:", "my.yaml, line 1: "),
    ],
)
def test_a_mistake_in_the_file_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    if not said:
        assert sample(tmp_path, text).base == "2020-01-01"
        return
    with pytest.raises(UsageError) as caught:
        sample(tmp_path, text)
    line = str(caught.value).removeprefix(f"{tmp_path}/")
    assert line.startswith(said)
    assert "\n" not in line


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("hiden", "3", "hiden is no setting, did you mean hidden?"),
        ("hidden.deep", "3", "hidden.deep is no setting"),
        ("", "3", " is no setting"),
        ("hidden", "x", 'hidden "x": input should be a valid integer'),
        ("hidden", "[", 'hidden "[": input should be a valid integer'),
        ("fit.precision", "fp16", "fit.precision \"fp16\": input should be 'fp32', 'bf16' or 'auto'"),
        ("fit.seed", -1, "fit.seed -1: input should be greater than or equal to 0"),
    ],
)
def test_a_mistake_in_a_flag_is_one_line(tmp_path: Path, key: str, value: object, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        sample(tmp_path, overrides={key: value})
    assert str(caught.value).startswith(said)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*none.yaml: No such file"):
        resolve(Sample, "stage2", "small", tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="it is no UTF-8 text"):
        resolve(Sample, "stage2", "small", tmp_path / "binary.yaml")
    (tmp_path / "nul.yaml").write_bytes(b"stage2: \x00")
    with pytest.raises(UsageError, match=r"nul.yaml: "):
        resolve(Sample, "stage2", "small", tmp_path / "nul.yaml")
    with pytest.raises(UsageError, match=r"no preset papr, did you mean paper\?"):
        resolve(Sample, "stage2", "papr")


@pytest.mark.parametrize("preset", presets())
@pytest.mark.parametrize("section", KINDS)
def test_presets_fit_the_settings(preset: str, section: str) -> None:
    found: Any = resolve(KINDS[section], section, preset)
    if preset == "small":
        assert found == KINDS[section]()


def test_the_paper_preset_has_the_paper_s_numbers() -> None:
    assert set(KINDS) == set(SECTIONS)
    found: dict[str, Any] = {section: resolve(kind, section, "paper") for section, kind in KINDS.items()}
    assert found["pretrain-text"].base == found["stage1-text"].base == "roberta-large"
    assert found["pretrain-text"].fit.epochs == 10
    for name, settings in found.items():
        assert settings.batch == 32, name
        rate = {"pretrain-text": 2e-5, "pretrain-care": 1e-5, "stage1-text": 2e-5}.get(name, 1e-4)
        assert settings.fit.learning_rate == rate
        assert settings.fit.average == 0
        assert name.startswith("pretrain") or settings.fit.epochs == 50
    assert dataclasses.astuple(found["stage3"].scarcity) == (0, 0, 0, 0, 0, 0)
    assert (found["stage3"].width, found["stage1-speech"].care.kind) == (1024, "wavlm")
    assert not found["stage3"].weighed


OUT_OF_BOUNDS = [("batch", "0"), ("label_smoothing", "3"), ("dropout", "-0.1"), ("balance", "-1")]
OUT_OF_BOUNDS += [("as_recognised", "2"), ("context_turns", "-1"), ("heads", "5"), ("heads", "0")]
OUT_OF_BOUNDS += [("scarcity.prefix", "1.5")]


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        (section, key, value)
        for section, kind in KINDS.items()
        for key, value in OUT_OF_BOUNDS
        if key.partition(".")[0] in {field.name for field in dataclasses.fields(kind)}
    ],
)
def test_values_out_of_bounds_are_named(section: str, key: str, value: str) -> None:
    with pytest.raises(UsageError, match=key):
        resolve(KINDS[section], section, "small", None, {key: value})
