"""Who may import whom: the arrows of docs/design.md, asserted over every import statement."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
OURS = ("ml_framework", "ml_operator", "torch_integration", "tf_integration", "onnx_integration")
PARTS = (
    "byte_queue",
    "checkpoint",
    "codec",
    "context",
    "estimator",
    "inference",
    "runner",
    "rpc",
    "master",
    "node",
    "page",
    "sql",
    "testing",
)

# package → what of ours, and which foreign packages of note, it may import
MAY_IMPORT = {
    "ml_framework": {"ml_framework"},
    "ml_operator": {"ml_framework", "ml_operator", "pyflink", "py4j"},
    "torch_integration": {"ml_framework", "ml_operator", "torch_integration", "torch"},
    "tf_integration": {"ml_framework", "ml_operator", "tf_integration", "tensorflow"},
    "onnx_integration": {"ml_framework", "ml_operator", "onnx_integration", "onnxruntime"},
}
PART_MAY_IMPORT = {
    "byte_queue": set(),
    "checkpoint": {"byte_queue"},
    "codec": set(),
    "context": {"byte_queue", "checkpoint", "codec"},
    "estimator": {"context", "runner"},
    "inference": {"codec", "context", "runner"},
    "runner": {"context"},
    "rpc": set(),
    "master": {"page", "rpc"},
    "node": {"byte_queue", "codec", "context", "rpc", "runner"},
    "page": {"rpc"},
    "sql": {"codec", "inference", "node", "runner"},
    "testing": set(PARTS),
}
# Modules for the code that plans a job: they use PyFlink, and no module of the user's process imports them.
PLANNING = {"tf_integration/estimator.py", "tf_integration/tfrecord.py", "torch_integration/estimator.py"}
OF_NOTE = {*OURS, "pyflink", "py4j", "torch", "tensorflow", "onnxruntime"}


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        yield from imported(node)


def imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imports_at_run_time(path: Path) -> set[str]:
    """Without those that are for the type checker alone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    blocks = [node for node in ast.walk(tree) if isinstance(node, ast.If) and is_type_checking(node.test)]
    for_types = {id(node) for block in blocks for statement in block.body for node in ast.walk(statement)}
    return {name for node in ast.walk(tree) if id(node) not in for_types for name in imported(node)}


def is_type_checking(test: ast.expr) -> bool:
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"


def modules(folder: str) -> list[Path]:
    return [path for path in (ROOT / folder).rglob("*.py") if "_generated" not in path.parts]


def place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("package", OURS)
def test_packages_import_along_the_arrows(package: str) -> None:
    found = {
        (place(path), name)
        for path in modules(package)
        for name in imports(path)
        if name.partition(".")[0]
        in OF_NOTE - MAY_IMPORT[package] - ({"pyflink", "py4j"} if place(path) in PLANNING else set())
    }
    assert not found


@pytest.mark.parametrize("part", PARTS)
def test_parts_of_the_framework_import_along_the_arrows(part: str) -> None:
    found = set()
    for path in modules(f"ml_framework/{part}"):
        for name in imports(path):
            pieces = name.split(".")
            is_part = pieces[0] == "ml_framework" and len(pieces) > 1 and pieces[1] in PARTS
            if is_part and pieces[1] != part and pieces[1] not in PART_MAY_IMPORT[part]:
                found.add((place(path), name))
    assert not found


@pytest.mark.parametrize("folder", ["torch_integration", "tf_integration"])
def test_integrations_do_not_need_flink_in_the_users_process(folder: str) -> None:
    planning = tuple(name.removesuffix(".py").replace("/", ".") for name in PLANNING)
    found = {
        (place(path), name)
        for path in modules(folder)
        if place(path) not in PLANNING
        for name in imports_at_run_time(path)
        if name.startswith(("ml_operator", "pyflink", "py4j", *planning))
    }
    assert not found
