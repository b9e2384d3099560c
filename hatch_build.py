"""Compiles `java/` into the one jar that ships as package data; hatch's build hook and a small command.

Needs a JDK 17 (`javac`) and the jars of `apache-flink-libraries`, which the hook declares as its dependency.
Archive entries are sorted and carry a fixed date, so that the same sources give the same bytes.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent
JAR = Path("ml_operator/jars/ml-on-flink.jar")
_EPOCH = (1980, 1, 1, 0, 0, 0)


def flink_jars() -> list[Path]:
    """The jars of the installed Flink that the bridge is compiled against."""
    package = importlib.util.find_spec("pyflink")
    if package is None or not package.submodule_search_locations:
        raise SystemExit("the bridge is compiled against Flink's jars: install apache-flink-libraries first")
    home = Path(next(iter(package.submodule_search_locations)))
    return [*sorted(home.glob("lib/*.jar")), *sorted(home.glob("opt/flink-python*.jar"))]


def compile_jar(sources: Path, jar: Path, extra_class_path: list[Path] | None = None) -> None:
    """Compile ``*.java`` under `sources` into `jar`, warnings being errors, and ``resources`` beside."""
    javac = shutil.which("javac")
    if javac is None:
        raise SystemExit("ml-on-flink needs a JDK 17 or later to compile its bridge, and there is no 'javac'")
    with tempfile.TemporaryDirectory() as classes:
        class_path = ":".join(map(str, [*flink_jars(), *(extra_class_path or [])]))
        files = sorted(map(str, sources.rglob("*.java")))
        # -path, -classfile, -processing: warnings about Flink's own jars, not about our sources.
        lint = "-Xlint:all,-path,-classfile,-processing,-serial"
        options = ["--release", "17", lint, "-Werror", "-proc:none", "-encoding", "UTF-8", "-cp", class_path]
        if subprocess.run([javac, *options, "-d", classes, *files], check=False).returncode:
            raise SystemExit("the bridge does not compile, see above")
        _archive([Path(classes), sources.parent / "resources"], jar)


def _archive(folders: list[Path], jar: Path) -> None:
    jar.parent.mkdir(parents=True, exist_ok=True)
    partial = jar.with_suffix(".partial")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
        for folder in folders:
            for path in sorted(path for path in folder.rglob("*") if path.is_file()):
                entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _EPOCH)
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, path.read_bytes())
    partial.replace(jar)


try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # run as a command, without hatchling
    pass
else:

    class BridgeHook(BuildHookInterface):  # type: ignore[type-arg]
        """Builds the jar before the wheel (or the editable install) is put together."""

        def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatch's
            """Called by hatch."""
            compile_jar(ROOT / "java" / "src" / "main" / "java", ROOT / JAR)
            build_data["artifacts"].append(str(JAR))


if __name__ == "__main__":
    compile_jar(
        ROOT / "java" / "src" / "main" / "java", Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / JAR
    )
