"""Checks of what is installed: Java, Flink, Python and its packages. None imports what it looks for."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from ml_operator.cli import flink
from ml_operator.cli.doctor.finding import fine, problem, warning
from ml_operator.jar import place

if TYPE_CHECKING:
    from ml_operator.cli.doctor.finding import Finding

OURS = "ml-on-flink"
_JAVA = (17, 21)
"""The oldest that runs the bridge, and the newest that Flink supports."""
_PYTHON = (3, 11)
_ANSWER_WITHIN_S = 20.0
_INSTALL_JAVA = "install a JDK 17 (apt install openjdk-17-jdk-headless), or set JAVA_HOME to one"


def java() -> Finding:
    """Whether the Java that Flink starts is there, and neither too old nor too new."""
    found = flink.java()
    if found is None:
        home = flink.option("env.java.home") or os.environ.get("JAVA_HOME")
        where = f"in {home}/bin, where env.java.home or JAVA_HOME points" if home else "on the PATH"
        return problem("Java", f"There is no 'java' {where}; Flink runs on it.", _INSTALL_JAVA)
    try:
        asked = subprocess.run(
            [found, "-version"], capture_output=True, text=True, timeout=_ANSWER_WITHIN_S, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        return problem("Java", f"{found} does not start: {error}.", _INSTALL_JAVA)
    version = re.search(r'version "(?:1\.)?(\d+)[^"]*"', asked.stderr + asked.stdout)
    if version is None:
        return warning("Java", f"{found} does not say its version.", _INSTALL_JAVA)
    told = f"{version[0].split()[1]}, {Path(found).resolve()}".replace('"', "")
    oldest, newest = _JAVA
    if int(version[1]) < oldest:
        return problem("Java", f"{told} is too old: the bridge needs {oldest} or later.", _INSTALL_JAVA)
    if int(version[1]) > newest:
        return warning("Java", f"{told} is newer than Flink supports ({oldest} to {newest}).", _INSTALL_JAVA)
    return fine("Java", told)


def python() -> Finding:
    """Whether the interpreter is one that PyFlink has been made for."""
    told = f"{sys.version.split()[0]}, {sys.executable}"
    if sys.version_info[:2] == _PYTHON:
        return fine("Python", told)
    wanted = ".".join(map(str, _PYTHON))
    return problem(
        "Python",
        f"{told}: Flink's Python package and this one are for {wanted}.",
        f"make an environment of Python {wanted}: python{wanted} -m venv .venv",
    )


def flink_itself() -> Finding:
    """Whether Flink is there, with its jars, in the version that the bridge was compiled for."""
    found = package("Flink", "pyflink", "apache-flink")
    if found.remedy:
        return found
    home = flink.home()
    assert home is not None
    jars = sorted(path.name for path in home.glob("lib/flink-dist*.jar"))
    if not jars or not any(home.glob("opt/flink-python*.jar")):
        return problem(
            "Flink",
            f"{home} has no lib/flink-dist-*.jar or no opt/flink-python-*.jar.",
            "unset FLINK_HOME, or pip install --force-reinstall apache-flink apache-flink-libraries",
        )
    version = metadata.version("apache-flink")
    if not jars[0].startswith(f"flink-dist-{version.rpartition('.')[0]}."):
        return problem(
            "Flink",
            f"the Python package is {version} and the jars in {home}/lib are {jars[0]}.",
            f"unset FLINK_HOME, or let it name a Flink {version}",
        )
    return fine("Flink", f"{version}, {home}")


def bridge() -> Finding:
    """Whether the bridge's jar was built."""
    jar = place()
    if jar.is_file():
        return fine("bridge", str(jar))
    return problem("bridge", f"{jar} is not there.", "run make in the sources, or install a wheel")


def package(check: str, module: str, *distributions: str) -> Finding:
    """Whether a package is there, in a version that ours asks for.

    Args:
        check: its name for people.
        module: that is imported.
        distributions: that may bring it, the one to install first.
    """
    wanted = _wanted(distributions)
    install = f'pip install "{distributions[0]}{wanted}"'
    version = next(filter(None, map(_version, distributions)), None)
    if version is None or importlib.util.find_spec(module) is None:
        return problem(check, f"{check} is not installed.", install)
    bounds = re.findall(r"(>=|<)([\d.]+)", wanted)
    if all((_parts(version) >= _parts(at)) is (way == ">=") for way, at in bounds):
        return fine(check, version)
    return problem(check, f"{check} is {version}, and {OURS} needs {wanted}.", install)


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _wanted(distributions: tuple[str, ...]) -> str:
    """The versions that our package asks for, as its metadata has them; empty where it is not installed."""
    try:
        asked = metadata.requires(OURS) or []
    except metadata.PackageNotFoundError:
        return ""
    for requirement in asked:
        named = re.match(r"([\w.-]+)([^;]*)", requirement)
        if named and named[1] in distributions:
            return named[2].strip()
    return ""


def _parts(version: str) -> tuple[int, ...]:
    """The numbers of a version, up to the first part that is none."""
    return tuple(map(int, re.findall(r"\d+", re.split(r"[^\d.]", version)[0])))
