"""Virtual environments for the processes of a test, made without installing anything."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np

import ml_framework

_COMPILED = shutil.ignore_patterns("__pycache__", "tests")


def bare_environment(folder: Path) -> Path:
    """The interpreter of an environment that has numpy, and nothing else of what is installed here."""
    installed = Path(np.__file__).parents[1]
    packages = empty_environment(folder)
    for name in ("numpy", "numpy.libs"):
        if (installed / name).is_dir():
            (packages / name).symlink_to(installed / name)
    return folder / "bin" / "python"


def like_environment(folder: Path) -> Path:
    """The interpreter of an environment that finds all that is installed here."""
    add_installed(empty_environment(folder))
    return folder / "bin" / "python"


def packed_environment(archive: Path) -> None:
    """Pack an environment of what a node needs, but for user code, as ``venv`` of the zip file `archive`."""
    installed = Path(np.__file__).parents[1]
    folder = archive.parent / "packed" / "venv"
    packages = empty_environment(folder, "--copies")
    for name in ("numpy", "numpy.libs", "grpc", "google", "cloudpickle"):
        if (installed / name).is_dir():
            shutil.copytree(installed / name, packages / name, ignore=_COMPILED)
    shutil.copytree(Path(ml_framework.__file__).parent, packages / "ml_framework", ignore=_COMPILED)
    shutil.make_archive(str(archive.with_suffix("")), "zip", folder.parent)
    shutil.rmtree(folder.parent)


def add_installed(packages: Path) -> None:
    """Let an environment find all that is installed here, behind what lies in its own folder `packages`."""
    installed = sysconfig.get_path("purelib")
    (packages / "installed.pth").write_text(f"import site; site.addsitedir({installed!r})")


def empty_environment(folder: Path, *options: str) -> Path:
    """Make an environment without any package; returns the folder for them. `options` are those of venv."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", *options, str(folder)], check=True)
    return next(folder.glob("lib/python*/site-packages"))
