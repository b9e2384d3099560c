"""The environment of a user's process."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import ml_framework.runner
from ml_framework.node.interface import interface_of

if TYPE_CHECKING:
    from ml_framework.node.assignment import Assignment
    from ml_framework.runner.base import Command

_PACKAGES = ("ml_framework", "torch_integration", "tf_integration", "onnx_integration")


def environment(assignment: Assignment, command: Command) -> dict[str, str]:
    """The agent's environment, the node's GPUs, what the job and the runner add, and the module search path.

    Beneath all of it is what names the network interface.

    The runner's folders come first, then the ``PYTHONPATH`` that was there. An interpreter that is not the
    agent's own gets our packages last, and nothing else of what is installed next to them.
    """
    merged = {**_interface(assignment), **os.environ, **_gpus(assignment), **assignment.env, **command.env}
    folders = [*command.python_path, *filter(None, merged.get("PYTHONPATH", "").split(os.pathsep))]
    if assignment.program.python is not None:
        folders.append(str(_own_packages(assignment.directory / "packages")))
    return {**merged, "PYTHONPATH": os.pathsep.join(folders)}


def _gpus(assignment: Assignment) -> dict[str, str]:
    """What makes CUDA see the node's own GPUs alone, counted as nvidia-smi does."""
    if not assignment.gpus:
        return {}
    return {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": ",".join(assignment.gpus)}


def _interface(assignment: Assignment) -> dict[str, str]:
    """The runner's `interface_variables`; none where no interface has the node's address, as behind NAT."""
    host, variables = assignment.host, assignment.program.runner.interface_variables
    name = variables and (interface_of(host.bound) or interface_of(host.advertised.strip("[]")))
    return {variable: around.format(name) for variable, around in variables.items()} if name else {}


def _own_packages(folder: Path) -> Path:
    """`folder`, holding links to our packages and to nothing else."""
    installed = Path(ml_framework.runner.__file__).parents[2]
    folder.mkdir(mode=0o700, exist_ok=True)
    for name in _PACKAGES:
        if (installed / name).is_dir() and not (folder / name).exists():
            (folder / name).symlink_to(installed / name)
    return folder
