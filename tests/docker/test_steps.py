"""The steps of the Dockerfile, and what compose and Kubernetes then start, run in folders of this machine.

There is no container: the programs are the same, on loopback, and `/opt`, `/wheels` are folders of the test.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from ruamel.yaml import YAML
from support.dockerfile import ROOT, copy_context, read_steps
from support.environments import add_installed, empty_environment
from support.ports import free_ports
from support.standalone import HOME, Host, StandaloneCluster

from ml_framework.testing.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = [pytest.mark.flink, pytest.mark.cluster]

STEPS = read_steps(ROOT / "docker" / "Dockerfile")
COMPOSE = YAML(typ="safe").load(ROOT / "docker" / "compose.yaml")["services"]
DEPLOYMENT = YAML(typ="safe").load(ROOT / "docker" / "flinkdeployment.yaml")["spec"]
OF_A_NETWORK = ("jobmanager.rpc.address", "rest.address", "high-availability.", "s3.")
"""Settings that only containers and clouds have."""


@dataclass(frozen=True)
class Image:
    """What the image would hold, below `folder`."""

    folder: Path

    @property
    def environment(self) -> Path:
        """The Python environment."""
        return self.folder / "opt" / "ml-on-flink"

    @property
    def flink(self) -> Path:
        """Flink's home."""
        return self.folder / "opt" / "flink"

    @property
    def paths(self) -> dict[str, str]:
        """The variables that lead its processes to what lies in it."""
        return {
            "FLINK_HOME": str(self.flink),
            "PATH": f"{self.environment}/bin:{self.flink}/bin:{os.environ['PATH']}",
        }

    @cached_property
    def variables(self) -> dict[str, str]:
        """Those of its processes, but for what leads elsewhere."""
        elsewhere = ("FLINK_", "PYTHONPATH")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(elsewhere)}
        return {**kept, **self.paths}

    def text(self, text: str, **more: str) -> str:
        """`text` of a file in docker/ with the paths that are meant on this machine."""
        for name, path in {"/wheels": f"{self.folder}/wheels", **more}.items():
            text = text.replace(name, path)
        return re.sub(r"(?<![\w.-])/opt/", f"{self.folder}/opt/", text)

    def run(self, command: str, cwd: Path | None = None, **more: str) -> str:
        """Run the command of a step, with `more` replaced in it; returns what it prints."""
        done = subprocess.run(
            ["bash", "-ec", self.text(command, **more)],
            cwd=cwd or self.folder,
            env=self.variables,
            input="",
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def step(stage: str, instruction: str, part: str) -> str:
    """The text of the one step of that kind with `part` in it."""
    [found] = [
        one for one in STEPS if (one.stage, one.instruction) == (stage, instruction) and part in one.text
    ]
    return found.text


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """The steps for the wheel and the last stage; what is installed here stands in for the dependencies."""
    image = Image(tmp_path_factory.mktemp("image"))
    copy_context(image.folder / "src")
    pip = f"{sys.executable} -m pip"
    image.run(step("wheel", "RUN", "pip wheel"), image.folder / "src", **{"python -m pip": pip})
    packages = empty_environment(image.environment)
    into = f"{pip} --python {image.environment}/bin/python"
    image.run(step("", "RUN", "pip install"), **{"python -m pip": into})
    add_installed(packages)
    shutil.copytree(HOME, packages / "pyflink", ignore=shutil.ignore_patterns("examples", "__pycache__"))
    image.run(step("dependencies", "RUN", "rm -r").replace(" examples", ""), packages / "pyflink")
    image.flink.mkdir()
    for name in ("bin", "conf", "lib", "opt", "plugins"):
        (image.flink / name).symlink_to(HOME / name)
    (image.flink / "checkpoints").mkdir()
    shutil.copytree(ROOT / "examples" / "line", image.folder / "opt" / "job")
    return image


def settings(of: Mapping[str, Any], image: Image) -> dict[str, str]:
    """Flink's settings that mean something on this machine; buckets are folders."""
    kept = {name: value for name, value in of.items() if not name.startswith(OF_A_NETWORK)}
    return {
        name: image.text(str(value), **{"s3://": f"file://{image.folder}/s3/"})
        for name, value in kept.items()
    }


def assert_learned(model: Path) -> None:
    """The file has the line y = 2x + 1 in it."""
    learned = torch.load(model)
    assert learned["weight"].item() == pytest.approx(2, abs=0.05)
    assert learned["bias"].item() == pytest.approx(1, abs=0.05)


def test_the_wheel_is_whole_and_starts_a_node(image: Image) -> None:
    """The jar lies in it; the last step of the build agrees; an agent starts, and ends with its parent."""
    [wheel] = (image.folder / "wheels").iterdir()
    assert "ml_operator/jars/ml-on-flink.jar" in zipfile.ZipFile(wheel).namelist()
    image.run(step("", "RUN", "pip check"))
    for module in ("ml_framework.node", "ml_operator"):
        origin = image.run(
            f"python -c 'from importlib.util import find_spec as f; print(f(\"{module}\").origin)'"
        )
        assert Path(origin).is_relative_to(image.environment)
    image.run("python -m ml_framework.node")


def test_compose_runs_the_example(image: Image, tmp_path: Path) -> None:
    """With its settings JobManager and TaskManagers become healthy by its checks; its client's job trains."""
    [port] = free_ports(1)
    properties = YAML(typ="safe").load(COMPOSE["taskmanager"]["environment"]["FLINK_PROPERTIES"])
    hosts = [Host(f"127.0.0.{1 + index}") for index in range(COMPOSE["taskmanager"]["deploy"]["replicas"])]
    chosen = {**settings(properties, image), "taskmanager.rpc.port": str(port)}
    cluster = StandaloneCluster(tmp_path / "cluster", workers=hosts, settings=chosen)
    cluster.variables |= image.paths
    with cluster:
        places = {"localhost:8081": f"127.0.0.1:{cluster.rest}", "/localhost/6122": f"/127.0.0.1/{port}"}
        for service in ("jobmanager", "taskmanager"):
            kind, *check = COMPOSE[service]["healthcheck"]["test"]
            assert kind == "CMD"
            eventually(lambda check=check: healthy(image, check, places), timeout_s=60)
        command = [image.text(word) for word in shlex.split(COMPOSE["client"]["command"])]
        command[command.index("--rows") + 1] = "20000"
        done = subprocess.run(
            command, env=cluster.variables, capture_output=True, text=True, timeout=200, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert_learned(image.flink / "checkpoints" / "line.pt")


def healthy(image: Image, check: list[str], places: dict[str, str]) -> bool:
    """Whether a health check of compose finds what it looks for."""
    command = [image.text(word, **places) for word in check]
    return subprocess.run(command, env=image.variables, capture_output=True, check=False).returncode == 0


def test_the_deployment_runs_the_example(image: Image, tmp_path: Path) -> None:
    """Application mode with the class, arguments, memory and settings that the operator would take."""
    job, memory = DEPLOYMENT["job"], DEPLOYMENT["taskManager"]["resources"]["requests"]["memory"]
    model = tmp_path / "line.pt"
    command = [
        *("--jars", image.text(job["jarURI"].replace("local://", "file://"))),
        *("--job-classname", job["entryClass"]),
        *map(image.text, job["args"]),
        *("--rows", "20000", "--model", str(model)),
    ]
    chosen = settings(DEPLOYMENT["flinkConfiguration"], image)
    chosen["taskmanager.memory.process.size"] = memory.removesuffix("i").lower()
    chosen["user.artifacts.base-dir"] = str(tmp_path / "artifacts")
    cluster = StandaloneCluster(tmp_path / "cluster", workers=[Host()] * 2, settings=chosen, job=command)
    cluster.variables |= image.paths
    with cluster:
        assert cluster.jobmanager.wait(timeout=200) == 0, "\n".join(
            path.read_text() for path in cluster.logs()
        )
    assert_learned(model)
