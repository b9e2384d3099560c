"""The commands as such: help, quickness, exit codes; and `run`, which becomes another program."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

import ml_operator
from ml_operator import jar as bridge_jar
from ml_operator.cli import flink, running
from ml_operator.cli.app import app

ROOT = Path(__file__).parents[2]
COMMANDS = ("plan", "run", "doctor", "list", "status", "logs", "stop", "jar")


def python(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=False, cwd=ROOT, **options
    )


def cpu_of_children_s() -> float:
    """Of those that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_help_names_every_command_and_is_quick() -> None:
    """By the time that it takes a processor: other tests run beside it, and end, therefore two tries."""
    took_s = []
    for _ in range(2):
        before_s = cpu_of_children_s()
        done = python("-m", "ml_operator.cli", "--help")
        took_s.append(cpu_of_children_s() - before_s)
    assert min(took_s) < 1.0
    assert done.returncode == 0
    assert all(f"\n  {command} " in done.stdout for command in COMMANDS)
    assert "\x1b" not in done.stdout


def test_what_is_asked_for_nothing_imports_little() -> None:
    """Neither PyFlink nor numpy nor gRPC, until a command needs them."""
    code = "import ml_operator.cli.app, sys; print({'pyflink', 'numpy', 'grpc', 'py4j'} & sys.modules.keys())"
    assert python("-c", code).stdout == "set()\n"


def test_the_package_has_the_names_that_it_lists() -> None:
    """They are imported when they are asked for."""
    assert ml_operator.__all__ == sorted(name for names in ml_operator._HOMES.values() for name in names)
    assert [getattr(ml_operator, name).__name__ for name in ml_operator.__all__] == ml_operator.__all__
    with pytest.raises(AttributeError, match="module 'ml_operator' has no attribute 'MlJob'"):
        _ = ml_operator.MlJob


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_an_example(command: str) -> None:
    done = CliRunner().invoke(app, [command, "--help"])
    assert done.exit_code == 0
    assert "Example" in done.stdout
    assert f"mlflink {command} " in done.stdout + " "


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["plan"],
        ["status"],
        ["logs", "job"],
        ["logs", "job", "worker"],
        ["logs", "job", "worker/0", "--lines", "-1"],
        ["list", "--cluster", "http://localhost:8081"],
    ],
)
def test_misuse_has_exit_code_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(app, arguments).exit_code == 2


def test_the_jar_is_where_it_is_said_to_be() -> None:
    """The path alone, on one line; the jar has the factory that Flink looks for."""
    done = python("-m", "ml_operator.cli", "jar")
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(done.stdout.removesuffix("\n")) as jar:
        factories = jar.read("META-INF/services/org.apache.flink.table.factories.Factory").decode()
    assert "org.mlonflink.sql.ModelFactory" in factories.split()


def test_the_jar_is_found_where_pyflink_is_missing() -> None:
    """Whoever adds it in the SQL client may have Flink's own distribution alone."""
    code = "import sys; sys.modules['pyflink'] = None; from ml_operator.cli.app import main; main()"
    done = python("-c", code, "jar")
    assert done.stdout == f"{bridge_jar.jar_path()}\n", done.stderr


def test_a_jar_that_was_not_built_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bridge_jar.resources, "files", lambda package: tmp_path)
    done = CliRunner().invoke(app, ["jar"])
    assert done.exit_code == 1
    assert done.stderr.startswith("mlflink: the bridge ml-on-flink.jar is not built: ")


class TestRun:
    def test_is_python(self, tmp_path: Path) -> None:
        """The same interpreter, arguments, exit code."""
        script = tmp_path / "job.py"
        script.write_text("import sys; print(sys.argv[1:], sys.prefix); sys.exit(7)")
        done = python("-m", "ml_operator.cli", "run", str(script), "--rows", "3", "--help")
        assert done.returncode == 7
        assert done.stdout == f"['--rows', '3', '--help'] {sys.prefix}\n"

    @pytest.fixture
    def executed(self, monkeypatch: pytest.MonkeyPatch) -> list[object]:
        calls: list[object] = []
        monkeypatch.setattr(running.os, "execve", lambda *arguments: calls.extend(arguments))
        return calls

    def test_on_a_cluster_is_flink_run(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, executed: list[object]
    ) -> None:
        monkeypatch.delenv("FLINK_HOME", raising=False)
        script = tmp_path / "job.py"
        script.touch()
        arguments = ["run", "-c", "host:1", str(script), "--rows", "3", "--", "-pyfs", "train.py", "-d"]
        CliRunner().invoke(app, arguments)
        path, command, environment = executed[:3]
        home = flink.home()
        assert home is not None
        assert path == home / "bin" / "flink"
        assert os.access(str(path), os.X_OK)
        own = ["flink", "run", "-m", "host:1", "-pyclientexec", sys.executable]
        assert command == [*own, "-pyfs", "train.py", "-d", "-py", str(script), "--rows", "3"]
        assert environment["FLINK_HOME"] == str(home)

    def test_options_of_flink_run_without_a_cluster_are_misuse(self, tmp_path: Path) -> None:
        (tmp_path / "job.py").touch()
        done = CliRunner().invoke(app, ["run", str(tmp_path / "job.py"), "--", "-pyfs", "x"])
        assert done.exit_code == 2
        assert "name its cluster by --cluster" in done.stderr

    def test_no_such_script(self, tmp_path: Path) -> None:
        done = CliRunner().invoke(app, ["run", str(tmp_path / "none.py")])
        assert done.exit_code == 1
        assert done.stderr.startswith("mlflink: there is no script ")

    def test_no_flink_to_submit_with(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FLINK_HOME", str(tmp_path))
        (tmp_path / "job.py").touch()
        done = CliRunner().invoke(app, ["run", "-c", "host:1", str(tmp_path / "job.py")])
        assert done.exit_code == 1
        assert (
            done.stderr == "mlflink: there is no bin/flink to submit with: `mlflink doctor` says what to do\n"
        )
