"""Where models lie: on this machine, or at a URL that fsspec knows.

::

    models/7/model.pt2
    models/8/model.pt2
             SHA256SUMS        as of ``sha256sum``; optional on this machine

A version is a folder whose name is a number. On this machine it appears by a rename, so that whoever looks
finds all of it; other storage renames no folder, and there a version is there once its checksums are, which
are written last.
"""

from __future__ import annotations

import os
import posixpath
import tempfile
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ml_framework.claimed import temporary_folder
from ml_framework.context.atomic import sync, sync_one
from ml_framework.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CHECKSUMS = "SHA256SUMS"
_PREFIX = "mlflink-model-"


class Place(Protocol):
    """A model, or a folder of versions of one; as a text it is its path or URL."""

    def has_versions(self) -> bool:
        """Whether it is no model itself, but a folder of versions of one, or one that is to be."""

    def numbers(self) -> list[int]:
        """Of the versions that are there, the smallest first."""

    def fetched(self, number: int | None) -> AbstractContextManager[Path]:
        """The model, or the folder of a version of it, on this machine for as long as the context lasts.

        Raises:
            ModelError: there is none.
        """

    def added(self, number: int) -> AbstractContextManager[Path]:
        """A folder on this machine that appears as a version when the context is left without an error.

        Raises:
            FileExistsError: there is such a version.
        """


def located(model: str | os.PathLike[str]) -> str:
    """A URL as it is, a path from the root; neither need exist here."""
    return str(model) if "://" in str(model) else os.path.abspath(model)  # noqa: PTH100 - keeps links


def place(model: str | os.PathLike[str]) -> Place:
    """Where `model` is: a path, or a URL."""
    return _Remote(str(model)) if "://" in str(model) else _Local(Path(model))


class _Local:
    def __init__(self, path: Path) -> None:
        self._path = path

    def __str__(self) -> str:
        return str(self._path)

    def has_versions(self) -> bool:
        shown = self._path.glob("[!.]*")
        return self._path.is_dir() and all(_number(path.name) is not None and path.is_dir() for path in shown)

    def numbers(self) -> list[int]:
        return _sorted(path.name for path in self._path.glob("*") if path.is_dir())

    def fetched(self, number: int | None) -> AbstractContextManager[Path]:
        path = self._path if number is None else self._path / str(number)
        if not path.exists():
            raise ModelError(f"there is no model at {path}: it has to be there on every machine that scores")
        return nullcontext(path)

    @contextmanager
    def added(self, number: int) -> Iterator[Path]:
        self._path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{number}.", dir=self._path) as aside:
            part, path = Path(aside) / str(number), self._path / str(number)
            part.mkdir()
            yield part
            sync(part)
            if path.exists():
                raise _exists(path)
            part.rename(path)
        sync_one(self._path)


class _Remote:
    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    def __str__(self) -> str:
        return self._url

    def has_versions(self) -> bool:
        files, path = self._files
        return files.isdir(path) and all(
            _number(_name(entry)) is not None for entry in files.ls(path, detail=False)
        )

    def numbers(self) -> list[int]:
        files, path = self._files
        files.invalidate_cache()
        return _sorted(_name(posixpath.dirname(entry)) for entry in files.glob(f"{path}/*/{CHECKSUMS}"))

    @contextmanager
    def fetched(self, number: int | None) -> Iterator[Path]:
        files, root = self._files
        suffix = "" if number is None else f"/{number}"
        path = root + suffix
        if not files.exists(path):
            raise ModelError(f"there is no model at {self._url}{suffix}")
        with temporary_folder(_PREFIX) as folder:
            target = folder / _name(path)
            files.get(path, str(target), recursive=files.isdir(path))
            yield target

    @contextmanager
    def added(self, number: int) -> Iterator[Path]:
        files, root = self._files
        if files.exists(f"{root}/{number}/{CHECKSUMS}"):
            raise _exists(f"{self._url}/{number}")
        with temporary_folder(_PREFIX) as folder:
            yield folder
            for file in sorted(folder.rglob("*"), key=lambda file: file == folder / CHECKSUMS):
                if file.is_file():
                    files.put_file(str(file), f"{root}/{number}/{file.relative_to(folder).as_posix()}")

    @cached_property
    def _files(self) -> tuple[Any, str]:
        try:
            import fsspec  # noqa: PLC0415 - only who has models at URLs needs it

            files, path = fsspec.core.url_to_fs(self._url)
        except (ImportError, ValueError) as error:
            raise ModelError(
                f"{self._url} cannot be reached: {error}. Models at URLs need fsspec (the extra `remote`) "
                "and its package for this kind of URL, such as s3fs"
            ) from error
        return files, str(path).rstrip("/")


def _number(name: str) -> int | None:
    """The number of a version whose folder has this name; None where it is no version's."""
    return int(name) if name.isascii() and name.isdigit() else None


def _sorted(names: Iterable[str]) -> list[int]:
    return sorted(number for name in names if (number := _number(name)) is not None)


def _name(path: str) -> str:
    return posixpath.basename(path.rstrip("/"))


def _exists(path: object) -> FileExistsError:
    return FileExistsError(f"{path} is there already: a version that was published does not change")
