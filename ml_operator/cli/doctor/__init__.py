"""``mlflink doctor``: what a machine lacks to run jobs, each finding with its remedy.

It imports nothing that it looks for.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import typer

from ml_operator.cli.doctor import machine, software
from ml_operator.cli.doctor.cluster import cluster
from ml_operator.cli.doctor.finding import Finding, Level
from ml_operator.cli.framework import Framework

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_COLORS = {Level.OK: "green", Level.WARNING: "yellow", Level.PROBLEM: "red"}


_PACKAGES = {
    Framework.TORCH: ("PyTorch", "torch", "torch"),
    Framework.TENSORFLOW: ("TensorFlow", "tensorflow", "tensorflow-cpu", "tensorflow"),
    Framework.ONNX: ("ONNX Runtime", "onnxruntime", "onnxruntime"),
}
"""By framework the arguments of `software.package`."""


def examine(frameworks: Iterable[Framework], address: str | None) -> list[Finding]:
    """Look at this machine, for jobs with `frameworks`, and at the cluster at `address`, if one is named."""
    findings = [
        software.java(),
        software.flink_itself(),
        software.bridge(),
        software.python(),
        software.package("numpy", "numpy", "numpy"),
        *(_framework(name) for name in dict.fromkeys(frameworks) if name is not Framework.NONE),
        machine.shared_memory(),
        machine.temporary_folder(),
        machine.open_files(),
    ]
    return findings if address is None else findings + cluster(address)


def report(findings: Sequence[Finding], *, as_json: bool) -> int:
    """Print what was found; returns the exit code, 1 where there is a problem."""
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        _print(findings)
    return int(any(finding.level is Level.PROBLEM for finding in findings))


def _framework(framework: Framework) -> Finding:
    found = software.package(*_PACKAGES[framework])
    if found.level is Level.OK:
        return found
    others = ", ".join(name for name in Framework if name is not framework)
    return replace(
        found, remedy=f"{found.remedy}; for jobs that need another: mlflink doctor --for ({others})"
    )


def _print(findings: Sequence[Finding]) -> None:
    width = max(len(finding.check) for finding in findings)
    for finding in findings:
        level = typer.style(f"{finding.level:7}", fg=_COLORS[finding.level])
        typer.echo(f"{level}  {finding.check:{width}}  {finding.told}")
        if finding.remedy:
            typer.echo(f"{'':{width + 11}}→ {finding.remedy}")
    typer.echo(_summary(findings))


def _summary(findings: Sequence[Finding]) -> str:
    counts = {level: sum(finding.level is level for finding in findings) for level in Level}
    told = [
        f"{counts[level]} {level}{'s' * (counts[level] > 1)}"
        for level in (Level.PROBLEM, Level.WARNING)
        if counts[level]
    ]
    return ", ".join(told) or "Nothing is missing."
