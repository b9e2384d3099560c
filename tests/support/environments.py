"""Virtual environments for the processes of a test, made without installing anything."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
from importlib import metadata
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
    for name in ("numpy", "numpy.libs", "grpc", "google", "cloudpickle", "psutil"):
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


def environment_with(folder: Path, *names: str) -> Path:
    """The interpreter of an environment that has these distributions, and those that they ask for."""
    packages = empty_environment(folder)
    wanted, seen = list(names), set()
    while wanted:
        name = wanted.pop()
        if name in seen:
            continue
        seen.add(name)
        try:
            found = metadata.distribution(name)
        except metadata.PackageNotFoundError:  # for another platform
            continue
        for top in {file.parts[0] for file in found.files or () if ".." not in file.parts}:
            if not (packages / top).exists():
                (packages / top).symlink_to(found.locate_file(top))
        asked = [text for text in found.requires or () if "extra ==" not in text]
        wanted += [re.match(r"[\w.-]+", text)[0] for text in asked]
    return folder / "bin" / "python"
