"""Virtual environments for the processes of a test, made without installing anything."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np


def bare_environment(folder: Path) -> Path:
    """The interpreter of an environment that has numpy, and nothing else of what is installed here."""
    installed = Path(np.__file__).parents[1]
    packages = _empty_environment(folder)
    for name in ("numpy", "numpy.libs"):
        if (installed / name).is_dir():
            (packages / name).symlink_to(installed / name)
    return folder / "bin" / "python"


def like_environment(folder: Path) -> Path:
    """The interpreter of an environment that finds all that is installed here."""
    installed = sysconfig.get_path("purelib")
    (_empty_environment(folder) / "installed.pth").write_text(f"import site; site.addsitedir({installed!r})")
    return folder / "bin" / "python"


def _empty_environment(folder: Path) -> Path:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    return next(folder.glob("lib/python*/site-packages"))
