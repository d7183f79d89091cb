"""The built page that is committed is what its sources make."""

import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
WEB = ROOT / "web"
PAGE = ROOT / "streamer" / "server" / "page"


def test_it_was_built_from_these_sources() -> None:
    names = [f"src/{path.name}" for path in (WEB / "src").iterdir()]
    digest = hashlib.sha256()
    for name in sorted([*names, "build.mjs", "package.json", "package-lock.json", "tsconfig.json"]):
        digest.update(f"{name}\0".encode() + (WEB / name).read_bytes() + b"\0")
    recorded = (PAGE / "sources.sha256").read_text().strip()
    assert digest.hexdigest() == recorded, "the page is out of date: npm ci && npm run build, in web/"


def test_it_asks_nobody_else_and_runs_nothing_inline() -> None:
    html = (PAGE / "index.html").read_text()
    assert re.findall(r'(?:src|href)="([^"]+)"', html) == [
        f"/assets/{next((PAGE / 'assets').glob(pattern)).name}" for pattern in ("icon*", "style*", "main*")
    ]
    assert "<style" not in html
    assert not re.search(r"<script(?![^>]*src=)| on[a-z]+=", html)
    for path in (PAGE / "assets").iterdir():
        hosts = set(re.findall(r"https?://([\w.-]+)", path.read_text())) - {"www.w3.org"}
        assert not hosts, path.name


def test_its_packages_are_named_by_hash_not_by_place() -> None:
    lock = json.loads((WEB / "package-lock.json").read_text())
    for name, package in lock["packages"].items():
        if name:
            assert package["integrity"].startswith("sha512-"), name
            assert "resolved" not in package, name


def test_building_again_gives_the_same_bytes(tmp_path: Path) -> None:
    if shutil.which("node") is None or not (WEB / "node_modules" / "esbuild").is_dir():
        pytest.skip("node or its packages are not installed: npm ci in web/")
    shutil.copytree(WEB, tmp_path / "web", ignore=shutil.ignore_patterns("node_modules"))
    for package in ("esbuild", "@esbuild", "preact", "uplot"):
        shutil.copytree(WEB / "node_modules" / package, tmp_path / "web" / "node_modules" / package)
    subprocess.run(["node", "build.mjs"], cwd=tmp_path / "web", check=True)
    built = tmp_path / "streamer" / "server" / "page"
    assert contents(built) == contents(PAGE)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
