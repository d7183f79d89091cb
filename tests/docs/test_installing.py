"""What `make` installs: exact versions whose hashes are checked, the same as constraints.txt has."""

import hashlib
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.docs.guide import ROOT

LOCKED = ROOT / "locked"


def pins(file: Path) -> dict[str, str]:
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", file.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found}


def test_versions_are_those_of_the_constraints() -> None:
    constraints = pins(ROOT / "constraints.txt")
    assert pins(LOCKED / "dev.txt") == constraints
    assert pins(LOCKED / "run.txt").items() < constraints.items()
    assert pins(LOCKED / "torch-cpu.txt") == {"torch": f"{constraints['torch']}+cpu"}


def test_cuda_is_in_a_file_of_its_own() -> None:
    kept_out = [line for line in (LOCKED / "cuda.in").read_text().splitlines() if not line.startswith("#")]
    assert kept_out
    assert set(kept_out) <= pins(LOCKED / "cuda.txt").keys()
    assert not set(kept_out) & pins(LOCKED / "dev.txt").keys()


@pytest.mark.parametrize("name", ["run", "dev", "cuda", "torch-cpu"])
def test_every_version_has_hashes_and_no_address(name: str) -> None:
    text = (LOCKED / f"{name}.txt").read_text("utf-8")
    for entry in re.split(r"^(?=[A-Za-z])", text, flags=re.MULTILINE)[1:]:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", entry), entry
    assert "://" not in text


def make_wheel(folder: Path) -> Path:
    """The smallest package there can be."""
    wheel = folder / "tiny_one-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("tiny_one.py", "")
        file.writestr("tiny_one-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny-one\nVersion: 1\n")
        file.writestr(
            "tiny_one-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        file.writestr("tiny_one-1.dist-info/RECORD", "")
    return wheel


@pytest.mark.slow
def test_a_changed_hash_is_refused(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--isolated"]
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    lock = tmp_path / "lock.txt"
    install = [*pip, "install", "--no-deps", "--no-index", "--find-links", str(tmp_path), "--require-hashes"]
    install += ["--target", str(tmp_path / "target"), "-r", str(lock)]
    lock.write_text(f"tiny-one==1 --hash=sha256:{digest}\n")
    assert subprocess.run(install, capture_output=True).returncode == 0
    lock.write_text(f"tiny-one==1 --hash=sha256:{'0' * 64}\n")
    refused = subprocess.run([*install, "--upgrade"], capture_output=True, text=True)
    assert refused.returncode == 1
    assert "DO NOT MATCH THE HASHES" in refused.stderr


def test_make_asks_for_hashes() -> None:
    script = (LOCKED / "install.sh").read_text()
    assert "locked() { pip --require-hashes" in script
    for makefile in ("Makefile", "research.mk"):
        assert not re.search(r"\binstall\b.*--no-deps(?!.*--require-hashes)", (ROOT / makefile).read_text())
