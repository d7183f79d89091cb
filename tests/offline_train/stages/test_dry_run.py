"""A step of every stage before anything is at hand."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from models.text import TextEncoder
from offline_train.app import app
from offline_train.errors import UsageError
from offline_train.stages import dry_run as trial
from offline_train.stages.random_models import random_text_encoder
from tests.tiny import make_base


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("dry")
    base = make_base(root / "base")
    path = root / "tiny.yaml"
    care = "{width: 16, acoustic_blocks: 1, semantic_blocks: 1}"
    path.write_text(
        f"pretrain-text: {{base: {base}, batch: 4}}\n"
        f"stage1-text: {{base: {base}, batch: 4}}\n"
        f"pretrain-care: {{care: {care}, teacher: {base}, batch: 2}}\n"
        f"stage1-speech: {{care: {care}, batch: 2}}\n"
        "stage2: {hidden: 8, heads: 2, batch: 2, fit: {epochs: 3}}\n"
        "stage3: {width: 8, heads: 2, batch: 2}\n",
        encoding="utf-8",
    )
    return path


def test_every_stage_takes_a_step(config: Path) -> None:
    shown = CliRunner().invoke(app, ["dry-run", "--preset", "small", "--config", str(config), "--json", "-"])
    assert shown.exit_code == 0, shown.output
    costs = json.loads(shown.stdout)["stages"]
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
def test_a_single_stage_and_one_that_is_not() -> None:
    [cost] = trial.dry_run("paper", only="stage2")
    assert cost.parameters == cost.trained
    with pytest.raises(UsageError, match=r"no stage stage4; one of: pretrain-text"):
        CliRunner().invoke(
            app, ["dry-run", "--stage", "stage4"], catch_exceptions=False, standalone_mode=False
        )


def test_shapes_are_the_published_ones(tmp_path: Path) -> None:
    encoder: TextEncoder = random_text_encoder("roberta-base", False, tmp_path, 7)
    assert sum(p.numel() for p in encoder.backbone.parameters()) == 124_055_040  # 124.6 M with the pooler
