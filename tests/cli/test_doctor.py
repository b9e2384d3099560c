"""`mlflink doctor`: each lack is a sentence with its remedy, and exit code 1."""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
from collections import namedtuple
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.environments import environment_with
from typer.testing import CliRunner

from ml_operator.cli.app import app
from ml_operator.cli.doctor import machine

if TYPE_CHECKING:
    from support.fake_flink import FakeFlink

ROOT = Path(__file__).parents[2]
MIB = 1 << 20
Memory = namedtuple("Memory", "f_frsize f_blocks f_bavail")


def doctor(*arguments: str) -> tuple[int, dict[str, dict[str, str]]]:
    """Its exit code, and what it found by what was checked."""
    done = CliRunner().invoke(app, ["doctor", "--json", *arguments])
    return done.exit_code, {finding["check"]: finding for finding in json.loads(done.stdout)}


def shared_memory(monkeypatch: pytest.MonkeyPatch, size_mib: int, free_mib: int) -> None:
    found, of_others = Memory(4096, size_mib * MIB // 4096, free_mib * MIB // 4096), os.statvfs
    monkeypatch.setattr(
        os, "statvfs", lambda path: found if path == machine.SHARED_MEMORY else of_others(path)
    )


@pytest.fixture(autouse=True)
def _enough_shared_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a small machine does not hide what a test is about."""
    shared_memory(monkeypatch, 1024, 1024)


def test_nothing_is_imported_that_is_looked_for() -> None:
    """Where it is missing, that is told."""
    code = "import ml_operator.cli.doctor, sys; print({'pyflink', 'numpy', 'torch'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "set()\n"


def test_a_machine_that_lacks_nothing() -> None:
    code, findings = doctor("--for", "torch", "--for", "tensorflow", "--for", "onnx")
    assert {finding["level"] for finding in findings.values()} <= {"ok", "warning"}, findings
    assert code == 0
    assert findings["Flink"]["told"].startswith("2.3.")
    assert findings["Python"]["told"] == f"{sys.version.split()[0]}, {sys.executable}"
    assert {"PyTorch", "TensorFlow", "ONNX Runtime"} < findings.keys()


class TestJava:
    def test_missing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.delenv("JAVA_HOME", raising=False)
        code, findings = doctor()
        assert code == 1
        assert findings["Java"] == {
            "check": "Java",
            "level": "problem",
            "told": "There is no 'java' on the PATH; Flink runs on it.",
            "remedy": "install a JDK 17 (apt install openjdk-17-jdk-headless), or set JAVA_HOME to one",
        }

    def test_java_home_without_java(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is what PyFlink starts, whatever the PATH has."""
        monkeypatch.setenv("JAVA_HOME", str(tmp_path))
        code, findings = doctor()
        assert code == 1
        assert f"no 'java' in {tmp_path}/bin" in findings["Java"]["told"]

    @pytest.mark.parametrize(
        ("version", "level", "told"),
        [
            ("1.8.0_412", "problem", "is too old: the bridge needs 17 or later"),
            ("11.0.2", "problem", "is too old: the bridge needs 17 or later"),
            ("17.0.15", "ok", "17.0.15"),
            ("21", "ok", "21"),
            ("25.0.1", "warning", "is newer than Flink supports (17 to 21)"),
        ],
    )
    def test_versions(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, level: str, told: str
    ) -> None:
        java = tmp_path / "bin" / "java"
        java.parent.mkdir()
        java.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-04-15' >&2\n")
        java.chmod(0o755)
        monkeypatch.setenv("JAVA_HOME", str(tmp_path))
        code, findings = doctor()
        assert (findings["Java"]["level"], code) == (level, int(level == "problem"))
        assert told in findings["Java"]["told"]


class TestSharedMemory:
    def test_64_mib(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The default of containers."""
        shared_memory(monkeypatch, 64, 64)
        code, findings = doctor()
        assert code == 1
        found = findings["shared memory"]
        assert found["told"].startswith("/dev/shm has 64 MiB, 64 MiB of it free; the two queues of one node")
        assert "docker run --shm-size=1g" in found["remedy"]

    def test_full(self, monkeypatch: pytest.MonkeyPatch) -> None:
        shared_memory(monkeypatch, 1024, 3)
        code, findings = doctor()
        assert code == 1
        assert findings["shared memory"]["remedy"].startswith("free some: see what lies in /dev/shm")

    @pytest.mark.skipif(os.geteuid() != 0, reason="mounts a tmpfs of its own")
    def test_a_real_one_of_64_mib(self) -> None:
        command = (
            f"mount -t tmpfs -o size=64m tmpfs /dev/shm && exec {sys.executable} -m ml_operator.cli doctor"
        )
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", command], capture_output=True, text=True, check=False, cwd=ROOT
        )
        if "unshare" in done.stderr or "mount" in done.stderr:
            pytest.skip(f"no mount namespace of its own: {done.stderr}")
        assert done.returncode == 1
        assert "problem  shared memory" in done.stdout
        assert "→ make it larger: docker run --shm-size=1g" in done.stdout
        assert "1 problem" in done.stdout
        assert "\x1b" not in done.stdout  # plain, since nobody's terminal


class TestPackages:
    def test_without_torch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "torch", None)
        code, findings = doctor()
        assert code == 1
        assert findings["PyTorch"]["told"] == "PyTorch is not installed."
        remedy = findings["PyTorch"]["remedy"]
        assert re.match(
            r'pip install "torch[<>=,.\d]+"; for jobs that need another: mlflink doctor --for ', remedy
        )
        assert doctor("--for", "tensorflow")[0] == 0
        assert doctor("--for", "none")[0] == 0

    def test_a_version_that_does_not_fit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        versions = machine_versions(torch="1.13.1+cu117")
        monkeypatch.setattr("ml_operator.cli.doctor.software.metadata.version", versions)
        code, findings = doctor()
        assert code == 1
        assert findings["PyTorch"]["told"].startswith("PyTorch is 1.13.1+cu117, and ml-on-flink needs ")

    def test_where_nothing_is_installed(self, tmp_path: Path) -> None:
        """Only the command line: Flink, numpy and PyTorch are missing, and told in sentences."""
        python = environment_with(tmp_path / "venv", "typer", "rich")
        done = subprocess.run(
            [python, "-m", "ml_operator.cli", "doctor", "--json"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1, done.stderr
        findings = {finding["check"]: finding for finding in json.loads(done.stdout)}
        for check, told in {"Flink": "Flink", "numpy": "numpy", "PyTorch": "PyTorch"}.items():
            assert findings[check]["told"] == f"{told} is not installed."
            assert findings[check]["remedy"].startswith("pip install ")
        assert done.stderr == ""


def machine_versions(**changed: str) -> Any:
    from importlib import metadata  # noqa: PLC0415 - the one that is not patched

    version = metadata.version
    return lambda name: changed.get(name) or version(name)


def test_few_open_files_are_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (256, 4096))
    code, findings = doctor()
    assert code == 0
    assert findings["open files"]["level"] == "warning"
    assert "256 files" in findings["open files"]["told"]
    assert "ulimit -n" in findings["open files"]["remedy"]


def test_a_folder_for_temporary_files_that_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def denied() -> None:
        raise PermissionError(13, "Permission denied", str(tmp_path))

    monkeypatch.setattr(machine.tempfile, "TemporaryFile", denied)
    code, findings = doctor()
    assert code == 1
    assert "TMPDIR" in findings["temporary folder"]["remedy"]


class TestCluster:
    def told(self, flink_rest: FakeFlink, **overview: Any) -> tuple[int, dict[str, dict[str, str]]]:
        usual = {"taskmanagers": 2, "slots-total": 8, "slots-available": 3, "flink-version": "2.3.0"}
        flink_rest.answers = {
            "GET /overview": {**usual, **overview},
            "GET /jobmanager/config": [{"key": "rest.port", "value": "1"}],
        }
        return doctor("--cluster", flink_rest.address)

    def test_fine(self, flink_rest: FakeFlink) -> None:
        code, findings = self.told(flink_rest)
        assert code == 0
        assert findings["cluster's slots"]["told"] == "3 free of 8, on 2 × TaskManager"
        assert findings["cluster's hosts"]["told"].startswith("not seen from here")

    def test_no_task_manager(self, flink_rest: FakeFlink) -> None:
        code, findings = self.told(flink_rest, **{"taskmanagers": 0, "slots-total": 0, "slots-available": 0})
        assert code == 1
        assert "taskmanager.sh start" in findings["cluster's slots"]["remedy"]

    def test_no_free_slot_is_a_warning(self, flink_rest: FakeFlink) -> None:
        code, findings = self.told(flink_rest, **{"slots-available": 0})
        assert (code, findings["cluster's slots"]["level"]) == (0, "warning")

    def test_another_version(self, flink_rest: FakeFlink) -> None:
        code, findings = self.told(flink_rest, **{"flink-version": "1.20.1"})
        assert code == 1
        assert findings["cluster's Flink"]["told"] == "it is 1.20.1, and the bridge is for 2.3.x."

    def test_nobody_there(self, flink_rest: FakeFlink) -> None:
        code, findings = doctor("--cluster", "127.0.0.1:1")
        assert code == 1
        assert findings["cluster"]["told"].startswith("no Flink answers at 127.0.0.1:1 (")


@pytest.mark.parametrize("arguments", [["--for", "fortran"], ["--cluster", "here"], ["--nonsense"]])
def test_other_words_are_misuse(arguments: list[str]) -> None:
    assert CliRunner().invoke(app, ["doctor", *arguments]).exit_code == 2
