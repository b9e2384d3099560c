"""`mlflink plan`: the plan of every cluster of a program, of which nothing is submitted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from ml_operator.cli import flink
from ml_operator.cli.app import app

if TYPE_CHECKING:
    from typer.testing import Result

pytestmark = pytest.mark.usefixtures("gateway")

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
HEAD = """
import sys
from pyflink.common import Configuration
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.table import DataTypes, StreamTableEnvironment
from ml_framework.runner import PythonRunner
from ml_operator import MLJob

HAPPY = PythonRunner("ml_framework.testing.programs:happy")

def cluster(env, name, **role):
    job = MLJob(env, name)
    job.add_am_role()
    return job, job.add_role("worker", runner=HAPPY, **role)
"""
SUBMITTED = "Path(__file__).with_name('submitted').touch()"


def plan(folder: Path, program: str, *arguments: str, options: tuple[str, ...] = ()) -> Result:
    """Plan a program, which is told where to leave word of what it should not have come to."""
    script = folder / "job.py"
    script.write_text(f"from pathlib import Path{HEAD}{program}\n{SUBMITTED}\n")
    return CliRunner().invoke(app, ["plan", *options, str(script), *arguments])


SUBMISSIONS = {
    "execute": "env.execute('a job')",
    "execute_async": "env.execute_async('a job')",
    "execute_insert": "tables.from_elements([(1,)], ['x']).execute_insert('sink').wait()",
    "execute_sql": "tables.execute_sql('INSERT INTO sink VALUES (1)')",
    "statement_set": "tables.create_statement_set().add_insert_sql('INSERT INTO sink VALUES (1)').execute()",
    "table_execute": "tables.from_elements([(1,)], ['x']).execute().print()",
    "to_pandas": "tables.from_elements([(1,)], ['x']).to_pandas()",
    "execute_and_collect": "list(env.from_collection([1]).execute_and_collect())",
}


@pytest.mark.parametrize("submission", SUBMISSIONS.values(), ids=SUBMISSIONS.keys())
def test_whatever_would_submit_does_not(tmp_path: Path, submission: str) -> None:
    done = plan(
        tmp_path,
        f"""
env = StreamExecutionEnvironment.get_execution_environment()
tables = StreamTableEnvironment.create(env)
tables.execute_sql("CREATE TEMPORARY TABLE sink (x BIGINT) WITH ('connector' = 'blackhole')")
cluster(env, "first", parallelism=2)
{submission}""",
    )
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("job first\n  application master\n  worker × 2, drives, runs ml_framework")
    assert "nothing was run" in done.stderr
    assert "as far as where it would submit " in done.stderr
    assert not (tmp_path / "submitted").exists()


def test_every_cluster_is_shown_in_its_order(tmp_path: Path) -> None:
    done = plan(
        tmp_path,
        """
for name in ("first", "second"):
    cluster(StreamExecutionEnvironment.get_execution_environment(), name)
""",
        options=("--mermaid",),
    )
    assert done.exit_code == 0, done.output
    assert done.stdout.count("flowchart LR\n") == 2
    assert "came as far as its end" in done.stderr
    assert (tmp_path / "submitted").exists()  # this one submits nothing


def test_the_program_is_run_as_a_main_program(tmp_path: Path) -> None:
    """Its arguments, its folder, its environment's options; what it prints is kept apart from the plan."""
    (tmp_path / "beside.py").write_text("NAME = 'beside'")
    before = sys.argv, list(sys.path)
    done = plan(
        tmp_path,
        """
import beside
assert __name__ == "__main__"
print("said")
options = Configuration()
options.set_string("parallelism.default", "3")
env = StreamExecutionEnvironment.get_execution_environment(options)
cluster(env, beside.NAME, parallelism=env.get_parallelism() + int(sys.argv[2]))
env.execute()""",
        "--more",
        "2",
    )
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[0] == "job beside"
    assert "worker × 5" in done.stdout
    assert "said" not in done.stdout
    assert "said" in done.stderr
    assert (sys.argv, sys.path) == before


def test_a_plan_error_is_a_sentence(tmp_path: Path) -> None:
    """Also one that depends on options that only the program's own environment has."""
    done = plan(
        tmp_path,
        """
options = Configuration()
options.set_string("execution.runtime-mode", "BATCH")
cluster(StreamExecutionEnvironment.get_execution_environment(options), "batch")""",
    )
    assert done.exit_code == 1
    assert done.stderr.startswith("mlflink: execution.runtime-mode is BATCH: an ML cluster runs in STREAMING")
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1


def test_an_error_of_the_program_keeps_its_traceback(tmp_path: Path) -> None:
    done = plan(tmp_path, "def wrong():\n    return 1 / 0\nwrong()")
    assert done.exit_code == 1
    lines = done.stderr.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1].startswith(f'  File "{tmp_path}/job.py", line ')
    assert "ml_operator" not in done.stderr
    assert lines[-1] == "ZeroDivisionError: division by zero"


def test_what_a_program_does_after_its_submission_failed_is_of_no_interest(tmp_path: Path) -> None:
    done = plan(
        tmp_path,
        """
env = StreamExecutionEnvironment.get_execution_environment()
cluster(env, "kept")
try:
    env.execute()
except Exception:
    sys.exit("it failed")""",
    )
    assert (done.exit_code, done.stdout.splitlines()[0]) == (0, "job kept")


def test_the_exit_of_a_program_that_plans_nothing_is_ours(tmp_path: Path) -> None:
    assert plan(tmp_path, "sys.exit(3)").exit_code == 3


def test_a_program_without_a_cluster(tmp_path: Path) -> None:
    done = plan(tmp_path, "StreamExecutionEnvironment.get_execution_environment()")
    assert done.exit_code == 1
    assert done.stderr.endswith("plans no ML cluster: it makes no MLJob before its end\n")


def test_without_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flink, "java", lambda: None)
    done = plan(tmp_path, "")
    assert done.exit_code == 1
    assert done.stderr == "mlflink: there is no Java to plan with: `mlflink doctor` says what to do\n"


def test_no_such_program(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["plan", str(tmp_path / "none.py")])
    assert done.exit_code == 1
    assert done.stderr.startswith("mlflink: there is no script ")


@pytest.mark.parametrize(
    ("example", "arguments", "told"),
    [
        ("flight_delay", ("--rows", "20000"), "worker × 2, drives, runs train:main"),
        ("digits_ps", ("--epochs", "1"), "  ps × 1, serves, runs "),
    ],
)
def test_examples(tmp_path: Path, example: str, arguments: tuple[str, ...], told: str) -> None:
    """By the command, as a user calls it."""
    command = ["plan", str(EXAMPLES / example / "job.py"), "--data", str(ROOT / "data" / example)]
    done = subprocess.run(
        [sys.executable, "-m", "ml_operator.cli", *command, "--out", str(tmp_path / "out"), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert told in done.stdout
    assert "nothing was run" in done.stderr
