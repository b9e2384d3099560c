"""A model as SQL describes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ml_framework.node.assignment import Assignment
from ml_framework.sql.request import Request

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_FUNCTIONS = """
import no_such_framework
def scale(batch): ...
def name(answers): ...
def make(): ...
"""


def content(**changes: Any) -> dict[str, Any]:
    """What the JVM sends, all but `changes` as in the plainest of models."""
    return {
        "model": "delay",
        "format": "torch-export",
        "path": "/models/delay",
        "input": [("distance", "FLOAT NOT NULL"), ("hour", "FLOAT NOT NULL"), ("carrier", "INT")],
        "output": [("delay", "FLOAT")],
        "max_batch": 1024,
        "max_delay_ms": 0,
        "groups": None,
        "inputs": None,
        "preprocess": None,
        "postprocess": None,
        "factory": None,
        "version_column": None,
        "error_column": None,
        "threads": None,
        "python_path": "",
        "log_dir": None,
        **changes,
    }


@pytest.fixture
def sent() -> Callable[..., dict[str, Any]]:
    """Makes what the JVM sends."""
    return content


@pytest.fixture
def request_of() -> Callable[..., Request]:
    """Makes a request."""
    return lambda **changes: Request(**content(**changes))


@pytest.fixture
def assigned() -> Callable[[dict[str, Any]], Assignment]:
    """What the agent of the second of three nodes makes of its assignment in some settings."""
    node = {
        "job_id": "17",
        "index": 1,
        "parallelism": 3,
        "execution_attempt": 0,
        "host": "127.0.0.1",
        "bind_host": "127.0.0.1",
        "directory": "/dev/shm/node",
    }
    return lambda settings: Assignment.from_json({**settings["assignment"], **node})


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """Has the module ``delays``, whose functions cannot be imported."""
    (tmp_path / "delays.py").write_text(_FUNCTIONS)
    return str(tmp_path)
