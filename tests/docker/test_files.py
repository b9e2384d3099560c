"""What describes images and clusters is well-formed, and agrees with the rest of the repository."""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from support.dockerfile import ROOT, copy_context, read_steps

DOCKER = ROOT / "docker"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SCHEMAS = {
    "compose.yaml": ("--builtin-schema", "vendor.compose-spec"),
    "flinkdeployment.yaml": ("--schemafile", str(Path(__file__).with_name("flinkdeployment.schema.json"))),
}


def checked(*command: str | Path) -> None:
    """Run a tool of the environment; its complaints are the test's."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_linter_has_nothing_to_say() -> None:
    """Neither of instructions nor, by ShellCheck, of the commands in them."""
    checked(Path(sysconfig.get_path("scripts")) / "hadolint", DOCKER / "Dockerfile")


@pytest.mark.parametrize("name", SCHEMAS)
def test_names_and_types_are_those_of_the_schema(name: str) -> None:
    """Of compose's own, and of the part of the operator's that is used here."""
    checked(sys.executable, "-m", "check_jsonschema", *SCHEMAS[name], DOCKER / name)


def test_a_key_that_the_operator_does_not_know_is_found(tmp_path: Path) -> None:
    """The schema is strict: the operator itself would drop the key and say nothing."""
    text = (DOCKER / "flinkdeployment.yaml").read_text()
    (tmp_path / "wrong.yaml").write_text(text.replace("sizeLimit:", "sizelimit:"))
    with pytest.raises(AssertionError, match="'sizelimit' was unexpected"):
        checked(
            sys.executable,
            "-m",
            "check_jsonschema",
            *SCHEMAS["flinkdeployment.yaml"],
            tmp_path / "wrong.yaml",
        )


def test_versions_are_those_of_the_project() -> None:
    """One Flink for image, PyFlink, the deployment and the bridge; the package's version is the image's."""
    constraints = (ROOT / "constraints.txt").read_text()
    flink = next(iter(re.findall(r"^apache-flink==(.*)$", constraints, flags=re.MULTILINE)))
    arguments = [step.text for step in read_steps(DOCKER / "Dockerfile") if step.instruction == "ARG"]
    assert f"FLINK_VERSION={flink}" in arguments
    deployment = YAML(typ="safe").load(DOCKER / "flinkdeployment.yaml")["spec"]
    assert deployment["flinkVersion"] == f"v{flink.rpartition('.')[0].replace('.', '_')}"
    assert deployment["job"]["jarURI"].endswith(f"/flink-python-{flink}.jar")
    [plugin] = re.findall(r"flink-s3-fs-hadoop-([\d.]+)\.jar", str(deployment))
    assert plugin == flink
    compose = YAML(typ="safe").load(DOCKER / "compose.yaml")
    images = {service["image"] for service in compose["services"].values()}
    assert images == {f"ml-on-flink:{PROJECT['project']['version']}"}


def test_every_image_is_pinned() -> None:
    """By a version to the last number."""
    steps = read_steps(DOCKER / "Dockerfile")
    values = dict(
        step.text.split("=") for step in steps if step.instruction == "ARG" and "VERSION=" in step.text
    )
    stages = {step.stage for step in steps}
    for step in steps:
        image = step.text.partition(" ")[0]
        if step.instruction == "FROM" and image not in stages:
            tag = re.sub(r"\$\{(\w+)\}", lambda name: values[name[1]], image).partition(":")[2]
            assert re.match(r"\d+\.\d+\.\d+", tag), image


def test_the_build_sees_what_the_wheel_needs_and_no_more(tmp_path: Path) -> None:
    """No compiled file, no jar that was built outside, nothing that git ignores."""
    copy_context(tmp_path)
    packages = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    named = {*packages, "java", "constraints.txt", "hatch_build.py", "pyproject.toml", "README.md", "LICENSE"}
    assert {path.name for path in tmp_path.iterdir()} == named
    seen = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in seen if path.suffix in (".jar", ".pyc")]
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {path.relative_to(tmp_path).as_posix() for path in seen} <= set(tracked.splitlines())
