"""The fuzzing itself: every kind of fault is found, kept with its input, and can be seen again."""

import gc
import json
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from fuzz.corpus import CORPUS
from fuzz.findings import Findings
from fuzz.targets import NAMES, find
from fuzz.worker import Runner

PLANTED = "tests.fuzz.planted:TARGET"


@pytest.mark.slow
def test_planted_faults_are_found(tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="atheris has no wheel for this platform")
    found = tmp_path / "findings"
    command = [sys.executable, "-m", "fuzz", PLANTED, "--inputs", "20000", "--jobs", "1", "--json", "-"]
    options = ["--findings", str(found), "--corpus", str(tmp_path / "corpus")]
    fuzzing = subprocess.run([*command, *options], capture_output=True, text=True, timeout=250)
    assert fuzzing.returncode == 1, fuzzing.stderr
    result = json.loads(fuzzing.stdout)
    assert result["inputs"] == result["targets"][PLANTED]["inputs"] > 15_000
    kinds = {(each["kind"], each["where"].split()[0]) for each in result["findings"]}
    assert kinds == {
        ("traceback", "KeyError"),
        ("traceback", "BaseEncoderError"),
        ("hang", "killed"),
        ("memory", "peak"),
        ("crash", "SIGSEGV"),
        ("message", "InputError"),
    }
    inputs = {finding.kind: (found / finding.name).read_bytes() for finding in Findings(found).all()}
    assert inputs["hang"] == b"sleep"
    assert inputs["crash"] == b"crash"
    assert inputs["memory"] == b"grow"


def test_a_finding_can_be_seen_again() -> None:
    seen = subprocess.run(
        [sys.executable, "-m", "fuzz.worker", PLANTED, "tests/fuzz/planted/error", "tests/fuzz/planted/fine"],
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert seen.returncode == 1
    assert "KeyError: 'planted'" in seen.stdout
    assert "planted/fine: nothing" in seen.stdout


def test_the_corpus_is_small_and_whole() -> None:
    sizes = [path.stat().st_size for path in CORPUS.rglob("*") if path.is_file()]
    assert sum(sizes) < 200_000
    for target in map(find, NAMES):
        assert {path.name for path in (CORPUS / target.corpus).iterdir()} == set(target.seeds())


@pytest.mark.parametrize("name", NAMES)
def test_seeds_show_nothing(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings(action="ignore"):
        gc.collect()  # what other tests in this process left open is no finding of this one
    target = find(name)
    with target.start(tmp_path) as run:
        runner = Runner(name, run)
        for seed in sorted((CORPUS / target.corpus).iterdir()):
            runner(seed.read_bytes())
            assert not runner.bad, (seed.name, runner.bad)
