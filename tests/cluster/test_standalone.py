"""Jobs on a cluster of one JobManager and three TaskManagers, submitted with `flink run`."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.environments import bare_environment, packed_environment
from support.standalone import HOME, Host, StandaloneCluster

from ml_framework.testing.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(420)]

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[1] / "examples"
DATA = HERE.parents[1] / "data"
HOSTS = (Host(),) * 3
ROWS = 1_000
INTERPRETER = ("-pyclientexec", sys.executable, "-pyexec", sys.executable)
WITHIN_S = 360


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandaloneCluster]:
    """A session cluster on whose hosts `python` has numpy and nothing of ours."""
    folder = tmp_path_factory.mktemp("session")
    python = bare_environment(folder / "bare")
    cluster = StandaloneCluster(folder / "cluster", workers=HOSTS)
    cluster.variables["PATH"] = f"{python.parent}:{cluster.variables['PATH']}"
    with cluster:
        yield cluster
        assert cluster.ended() == []


def submit(cluster: StandaloneCluster, folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """`flink run`, started in `folder`."""
    command = [str(HOME / "bin" / "flink"), "run", *arguments]
    return subprocess.Popen(
        command,
        env=cluster.variables,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def said(run: subprocess.Popen[str]) -> str:
    """What a submission printed, when it has ended well."""
    output, _ = run.communicate(timeout=WITHIN_S)
    assert run.returncode == 0, output
    return output


def example(name: str, folder: Path, *arguments: str) -> list[str]:
    """What `flink run` takes to run the job of an example, with its results in `folder`."""
    home = EXAMPLES / name
    shipped = ["-pyfs", str(home), "-py", str(home / "job.py")]
    return [*INTERPRETER, *shipped, "--data", str(DATA / name), "--out", str(folder), *arguments]


def check_flights(output: str) -> None:
    """Each flight was scored once, by a model that has learnt what the plain loop learns."""
    found = re.search(r"flights=(\d+) distinct=(\d+) .*auc=([\d.]+) plain_loop_auc=([\d.]+)", output)
    assert found, output
    flights, distinct, auc, plain = map(float, found.groups())
    assert flights == distinct == 19_758
    assert abs(auc - plain) < 0.02


def test_two_examples_run_at_once(cluster: StandaloneCluster, tmp_path: Path) -> None:
    flights = submit(cluster, tmp_path, *example("flight_delay", tmp_path / "flights", "--rows", "20000"))
    digits = submit(cluster, tmp_path, *example("digits_ps", tmp_path / "digits", "--epochs", "4"))
    check_flights(said(flights))
    output = said(digits)
    assert "chief[0] | epoch  4  1,437 digits" in output
    assert float(output.rpartition("accuracy=")[2]) > 0.9
    assert (tmp_path / "flights" / "model.pt").is_file()
    assert (tmp_path / "digits" / "digits.keras").is_file()


def test_a_job_of_its_own_cluster(tmp_path: Path) -> None:
    """Application mode: the JobManager runs the script, and ends with the job."""
    libraries = tmp_path / "lib"
    libraries.mkdir()
    for jar in [*(HOME / "lib").glob("*.jar"), *(HOME / "opt").glob("flink-python-*.jar")]:
        (libraries / jar.name).symlink_to(jar)
    out = tmp_path / "flights"
    driver = ["--job-classname", "org.apache.flink.client.python.PythonDriver"]
    job = [*driver, *example("flight_delay", out, "--rows", "20000")]
    with StandaloneCluster(tmp_path / "cluster", libraries, workers=HOSTS, job=job) as cluster:
        jobmanager = cluster.jobmanager
        assert jobmanager.wait(WITHIN_S) == 0
        (log,) = [path for path in cluster.logs() if "jobmanager" in path.name]
    check_flights(log.read_text())
    assert (out / "model.pt").is_file()


class TestShipping:
    """What a job brings along is there for the application master, the agents and the user's code."""

    @pytest.fixture
    def shipped(self, tmp_path: Path) -> Path:
        """The folder of a module that nobody has installed."""
        (tmp_path / "files").mkdir()
        (tmp_path / "files" / "shipped.py").write_text("WORD = 'from the file that travelled'\n")
        return tmp_path / "files"

    def check(self, cluster: StandaloneCluster, folder: Path, word: str) -> set[str]:
        """Every row was answered once; returns where the interpreters were, of which nothing is left."""
        parts = [path for path in folder.rglob("part-*") if path.is_file()]
        rows = [row for part in parts for row in csv.reader(part.read_text().splitlines())]
        assert sorted(int(row[0]) for row in rows) == list(range(1, ROWS + 1))
        assert {row[2] for row in rows} == {word}
        eventually(lambda: not any(cluster.folder.glob("tmp*/**/python-dist-*")))
        return {row[1] for row in rows}

    def test_packed_environment(self, cluster: StandaloneCluster, tmp_path: Path, shipped: Path) -> None:
        """The hosts have Flink and a Python; all else comes with the job."""
        packed_environment(tmp_path / "venv.zip")
        files = f"{HERE / 'programs.py'},{shipped / 'shipped.py'}"
        environment = ["-pyarch", str(tmp_path / "venv.zip"), "-pyexec", "venv.zip/venv/bin/python"]
        rows = tmp_path / "rows"
        script = ["-pyfs", files, "-py", str(HERE / "job.py"), str(rows), "3"]
        output = said(submit(cluster, tmp_path, "-pyclientexec", sys.executable, *environment, *script))
        assert "'RUNNING'" in output
        prefixes = self.check(cluster, rows, "from the file that travelled")
        assert len(prefixes) >= 1
        assert all(prefix.endswith("venv.zip/venv") for prefix in prefixes)

    def test_module_and_requirements(self, cluster: StandaloneCluster, tmp_path: Path) -> None:
        """`-pym` finds the job in what `-pyfs` ships; `-pyreq` is installed on each host."""
        wheels = tmp_path / "wheels"
        wheels.mkdir()
        make_wheel(wheels, "shipped", "WORD = 'from the requirement'\n")
        (tmp_path / "requirements.txt").write_text("shipped==1.0\n")
        requirements = ["-pyreq", f"{tmp_path / 'requirements.txt'}#{wheels}"]
        files = ["-pyfs", f"{HERE / 'job.py'},{HERE / 'programs.py'}", "-pym", "job"]
        rows = tmp_path / "rows"
        said(submit(cluster, tmp_path, *INTERPRETER, *requirements, *files, str(rows), "2"))
        assert self.check(cluster, rows, "from the requirement") == {sys.prefix}

    def test_detached(self, cluster: StandaloneCluster, tmp_path: Path, shipped: Path) -> None:
        """A script that waits does so with `-d`, too."""
        rows = tmp_path / "rows"
        files = ["-pyfs", f"{HERE / 'programs.py'},{shipped / 'shipped.py'}"]
        output = said(
            submit(cluster, tmp_path, "-d", *INTERPRETER, *files, "-py", str(HERE / "job.py"), str(rows), "2")
        )
        assert "'RUNNING'" in output
        assert self.check(cluster, rows, "from the file that travelled") == {sys.prefix}

    def test_an_interpreter_without_the_package(self, cluster: StandaloneCluster, tmp_path: Path) -> None:
        bare = bare_environment(tmp_path / "bare")
        script = ["-py", str(HERE / "job.py"), str(tmp_path / "rows"), "2"]
        run = submit(cluster, tmp_path, "-pyclientexec", sys.executable, "-pyexec", str(bare), *script)
        output, _ = run.communicate(timeout=WITHIN_S)
        assert run.returncode != 0
        assert re.search(r"JobFailed: .*\(exit code 1: .*No module named 'ml_framework'", output), output


def make_wheel(folder: Path, name: str, code: str) -> None:
    """A wheel of one module, version 1.0."""
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": code,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
        for path, content in files.items():
            wheel.writestr(path, content)
