"""The Flink that PyFlink starts: where it is, what it is configured with. No JVM is started for it."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path


def home() -> Path | None:
    """The folder of Flink: FLINK_HOME, else PyFlink's own; None where there is neither."""
    if named := os.environ.get("FLINK_HOME"):
        return Path(named)
    found = importlib.util.find_spec("pyflink")
    return None if found is None or found.origin is None else Path(found.origin).parent


def option(key: str) -> str | None:
    """An option of Flink's configuration file, None where it is not set there."""
    where = home()
    folder = os.environ.get("FLINK_CONF_DIR") or (where and str(where / "conf"))
    if not folder:
        return None
    try:
        from pyflink.pyflink_gateway_server import read_from_config  # noqa: PLC0415 - PyFlink may be missing
    except ImportError:
        return None
    value = read_from_config(key, None, folder)
    return None if value is None else str(value)


def java() -> str | None:
    """The `java` that Flink runs: of ``env.java.home``, JAVA_HOME, or the PATH; None where there is none."""
    named = option("env.java.home") or os.environ.get("JAVA_HOME")
    return shutil.which(str(Path(named) / "bin" / "java") if named else "java")
