"""Models in SQL, from a model's export to scored rows, as its page shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support import sql_session
from support.fake_gateway import FakeGateway
from support.flink import ours
from support.pages import DOCS, blocks, write_programs
from support.ports import free_ports
from support.standalone import HOME, StandaloneCluster

from ml_framework.testing.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = DOCS.parent
PAGE = "sql.md"
EXPORT, MAKE_SESSION = blocks(PAGE, "bash")
STATEMENTS, WITH_FUNCTION = blocks(PAGE, "sql")
(ROWS,) = blocks(PAGE, "text")
WITHIN_S = 100
ENVIRONMENT = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}

DISTRIBUTION = Path(os.environ.get("FLINK_HOME", HOME))
of_distribution = pytest.mark.skipif(
    not list(DISTRIBUTION.glob("opt/flink-sql-gateway*.jar")),
    reason="Flink's SQL gateway is in its distribution: let FLINK_HOME name one",
)


def run(
    *command: str, folder: Path, variables: dict[str, str] = ENVIRONMENT, code: int = 0
) -> tuple[str, str]:
    """What a command prints, and says on standard error."""
    done = subprocess.run(
        command, cwd=folder, env=variables, check=False, timeout=WITHIN_S, capture_output=True, text=True
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout, done.stderr


def run_session(folder: Path, *options: str, file: str = "session.sql") -> str:
    """What the last statement of the session finds."""
    return run(sys.executable, sql_session.__file__, file, *options, folder=folder)[0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With what the page makes: its programs, the model, the session."""
    folder = tmp_path_factory.mktemp("sql")
    write_programs(PAGE, folder)
    assert run("bash", "-euc", EXPORT, folder=folder)[0] == "published 1\n"
    (folder / "delay.sql").write_text(STATEMENTS)
    run("bash", "-euc", MAKE_SESSION, folder=folder)
    return folder


def test_the_page_has_each_option() -> None:
    """Of those that Flink lets through, and no other."""
    page = (
        (DOCS / PAGE).read_text(encoding="utf-8").partition("\n## Options\n")[2].partition("\nFunctions ")[0]
    )
    code = (ROOT / "java/src/main/java/org/mlonflink/sql/ModelOptions.java").read_text(encoding="utf-8")
    known = re.findall(r'(?:text\(|ConfigOptions\.key\()\s*"([^"]+)"', code)
    assert sorted(re.findall(r"^\| `([\w-]+)` \|", page, flags=re.MULTILINE)) == sorted(known)


@pytest.fixture
def _leaves_nothing() -> Iterator[None]:
    yield
    eventually(lambda: not ours(), timeout_s=30)


@pytest.mark.flink
@pytest.mark.usefixtures("_leaves_nothing")
class TestEmbedded:
    def test_a_program_scores_rows(self, folder: Path) -> None:
        """As the page says that it does."""
        assert run(sys.executable, "job.py", folder=folder)[0] == ROWS

    def test_a_function_before_the_model_is_found_by_its_name(self, folder: Path) -> None:
        """17 hours are 5, and the row with a null was left out."""
        before = (folder / "session.sql").read_text().partition("SELECT id, delay")[0]
        (folder / "hours.sql").write_text(before + WITH_FUNCTION)
        assert sorted(run_session(folder, file="hours.sql").splitlines()) == ["1 13.0", "2 22.0"]

    def test_a_session_begins_with_nothing_and_ends_with_scored_rows(self, folder: Path) -> None:
        """The jar and the interpreter are in its statements, and so is all else."""
        assert sorted(run_session(folder).splitlines()) == ROWS.splitlines()


class TestGatewayProgram:
    def test_sends_each_statement_and_prints_the_last_rows(self, folder: Path) -> None:
        """In order, page by page, and closes its session."""
        with FakeGateway() as gateway:
            printed, _ = run(sys.executable, "gateway.py", gateway.address, "session.sql", folder=folder)
        assert printed == "1 25.0 1 None\n2 22.0 1 None\n"
        assert [statement.split()[0] for statement in gateway.heard] == [
            *("ADD", "SET", "SET", "--", "CREATE", "SET", "SET", "SELECT", "closed")
        ]

    def test_tells_why_a_statement_cannot_be(self, folder: Path) -> None:
        with FakeGateway() as gateway:
            gateway.refused = "SELECT"
            command = (sys.executable, "gateway.py", gateway.address, "session.sql")
            _, told = run(*command, folder=folder, code=1)
        assert told.splitlines()[-1] == "ValidationException: model delay: no"


@pytest.mark.cluster
class TestCluster:
    @pytest.fixture(scope="class")
    def cluster(self, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandaloneCluster]:
        """A session cluster whose class path has nothing of Python, nor of ours."""
        with StandaloneCluster(tmp_path_factory.mktemp("session")) as cluster:
            yield cluster
            assert cluster.ended() == []

    @pytest.fixture
    def variables(self, cluster: StandaloneCluster) -> dict[str, str]:
        """The environment of Flink's scripts."""
        return {
            **cluster.variables,
            "FLINK_HOME": str(DISTRIBUTION),
            "FLINK_LIB_DIR": str(DISTRIBUTION / "lib"),
        }

    def test_the_jar_travels_with_the_session(self, cluster: StandaloneCluster, folder: Path) -> None:
        there = ("execution.target=remote", "rest.address=127.0.0.1", f"rest.port={cluster.rest}")
        assert sorted(run_session(folder, *there).splitlines()) == ROWS.splitlines()

    @of_distribution
    def test_by_the_sql_client(self, variables: dict[str, str], folder: Path) -> None:
        """The rows are in a table, between bars."""
        client = str(DISTRIBUTION / "bin" / "sql-client.sh")
        printed, _ = run(client, "-f", "session.sql", folder=folder, variables=variables)
        cells = [line.split("|")[2:-1] for line in printed.splitlines() if line.startswith("| +I ")]
        found = [" ".join(cell.strip() for cell in row) for row in cells]
        assert sorted(found) == ROWS.replace("None", "<NULL>").splitlines()

    @of_distribution
    def test_by_the_sql_gateway(self, variables: dict[str, str], folder: Path) -> None:
        (port,) = free_ports(1)
        at = (f"-Dsql-gateway.endpoint.rest.{key}" for key in (f"port={port}", "address=127.0.0.1"))
        with (folder / "gateway.log").open("w") as log:
            gateway = subprocess.Popen(
                [str(DISTRIBUTION / "bin" / "sql-gateway.sh"), "start-foreground", *at],
                cwd=folder,
                env=variables,
                stdout=log,
                stderr=log,
            )
        try:
            connect = ["bash", "-c", f"</dev/tcp/127.0.0.1/{port}"]
            eventually(
                lambda: not subprocess.run(connect, check=False, capture_output=True).returncode, timeout_s=60
            )
            program = (sys.executable, "gateway.py", f"http://127.0.0.1:{port}", "session.sql")
            assert sorted(run(*program, folder=folder)[0].splitlines()) == ROWS.splitlines()
        finally:
            gateway.terminate()
            gateway.wait(30)
