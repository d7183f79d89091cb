"""A step of every stage before anything is at hand."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from benchmarks import training_cost as trial
from benchmarks.random_models import random_text_encoder
from models.text_encoder import TextConfig, TextEncoder
from tests.models.test_care import save_wavlm
from tests.tiny import make_base


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("dry")
    base = make_base(root / "base")
    path = root / "tiny.yaml"
    care = save_wavlm(root / "care")
    path.write_text(
        f"pretrain-text: {{base: {base}, batch: 4}}\n"
        f"stage1-text: {{base: {base}, batch: 4}}\n"
        f"pretrain-care: {{care: {json.dumps(asdict(care))}, teacher: {base}, batch: 2}}\n"
        "stage1-speech: {care: {blocks: 1}, batch: 2}\n"
        "stage2: {hidden: 8, heads: 2, batch: 2, fit: {epochs: 3}}\n"
        "stage3: {width: 8, heads: 2, batch: 2}\n",
        encoding="utf-8",
    )
    return path


def run(*arguments: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["training_cost", *arguments])
    trial.main()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Support for mismatched key_padding_mask:UserWarning")
def test_every_stage_takes_a_step(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run("--preset", "small", "--config", str(config), "--json", "-", monkeypatch=monkeypatch)
    found = json.loads(capsys.readouterr().out)
    assert found["machine"]["cores"] >= 1
    assert found["command"].startswith("python -m benchmarks.training_cost --preset small")
    costs = found["stages"]
    assert [cost["stage"] for cost in costs] == list(trial.STAGES)
    for cost in costs:
        assert cost["trained"] <= cost["parameters"]
        assert cost["memory"] >= 4 * cost["parameters"]
        assert cost["seconds"] > 0
        assert cost["estimated_hours"] * 3600 >= cost["steps"] * trial.LEAST - 1e-6
    by_stage = {cost["stage"]: cost for cost in costs}
    assert by_stage["stage2"]["steps"] == 3 * -(-trial.CONVERSATIONS // 2)
    assert by_stage["stage3"]["trained"] < by_stage["stage3"]["parameters"]  # Stages II are frozen


@pytest.mark.slow
def test_a_single_stage_and_one_that_is_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    [cost] = trial.training_cost(trial.Preset("paper"), only="stage2")
    assert cost["parameters"] == cost["trained"]
    with pytest.raises(SystemExit) as ended:
        run("--stage", "stage4", monkeypatch=monkeypatch)
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "'stage4'" in said
    assert "pretrain-text" in said


def test_settings_that_are_none_end_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "odd.yaml"
    config.write_text("stage2: {wide: 3}\n", encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        run("--config", str(config), "--stage", "stage2", monkeypatch=monkeypatch)
    assert ended.value.code == 2
    assert "stage2.wide is no setting" in capsys.readouterr().err


@pytest.mark.slow
def test_shapes_are_the_published_ones() -> None:
    encoder: TextEncoder = random_text_encoder(TextConfig(base="roberta-base"))
    assert sum(p.numel() for p in encoder.backbone.parameters()) == 124_055_040  # 124.6 M with the pooler
