"""The jar that teaches a cluster of the suite to write checkpoints slowly: see its Java source."""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from pathlib import Path

SCHEME = "slow"
_SOURCE = Path(__file__).parent / "java" / "SlowFileSystemFactory.java"
_SERVICE = "META-INF/services/org.apache.flink.core.fs.FileSystemFactory"


def compile_storage(libraries: Path) -> None:
    """Put the jar into `libraries`, where Flink's own jars are already."""
    javac = shutil.which("javac")
    assert javac is not None, "the chaos suite needs a JDK"
    classes = libraries / "classes"
    command = [
        javac,
        "--release",
        "17",
        "-proc:none",
        "-cp",
        f"{libraries}/*",
        "-d",
        str(classes),
        str(_SOURCE),
    ]
    subprocess.run(command, check=True)
    with zipfile.ZipFile(libraries / "slow-storage.jar", "w") as jar:
        jar.writestr(_SERVICE, _SOURCE.stem)
        for path in classes.iterdir():
            jar.write(path, path.name)
    shutil.rmtree(classes)
