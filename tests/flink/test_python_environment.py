"""Which interpreter runs the user's code, and what it can import."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pyflink.table import DataTypes
from support.environments import bare_environment, like_environment
from support.flink import Flink, collect, program

if TYPE_CHECKING:
    from pathlib import Path

    from ml_framework.runner import PythonRunner

pytestmark = pytest.mark.flink

REPORT = [("name", DataTypes.STRING()), ("value", DataTypes.STRING())]


def report(flink: Flink, runner: PythonRunner, **options: Any) -> dict[str, str]:
    """What the one node of a role says of its interpreter."""
    return dict(collect(flink.job.add_role("worker", runner=runner, output=REPORT, **options)))


def test_a_role_runs_on_an_interpreter_of_its_own(flink: Flink, tmp_path: Path) -> None:
    """`python=` names it; it has numpy alone."""
    python = bare_environment(tmp_path / "venv")
    said = report(flink, program("report_python"), python=str(python))
    assert said == {"prefix": str(tmp_path / "venv"), "executable": str(python)}


def test_files_and_interpreter_of_the_job_are_honoured(flink: Flink, tmp_path: Path) -> None:
    """What PyFlink ships with `add_python_file` and `python.executable` is there for user code, too."""
    shipped = tmp_path / "shipped.py"
    shipped.write_text("WORD = 'from the file that travelled'")
    flink.env.add_python_file(str(shipped))
    flink.env.set_python_executable(str(like_environment(tmp_path / "venv")))
    said = report(flink, program("report_shipped"))
    assert said == {"prefix": str(tmp_path / "venv"), "shipped": "from the file that travelled"}
