"""Layouts, programs, and clusters of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ml_framework.codec import Schema, plan_layout
from ml_framework.config import RestartPolicy
from ml_framework.runner import Program
from ml_framework.spec import RoleSpec
from ml_framework.testing.local_cluster import LocalCluster, LocalRole
from tf_integration import TFRunner

if TYPE_CHECKING:
    from collections.abc import Callable

    from ml_framework.codec import Layout
    from ml_framework.testing.flink_end import FlinkEnd

HERE = Path(__file__).parent
_IN = [("id", "BIGINT NOT NULL"), ("a", "DOUBLE"), ("b", "DOUBLE")]
INPUT = plan_layout(Schema.parse(_IN), {"x": ["a", "b"]}, max_rows=64)
OUTPUT = plan_layout(Schema.parse([("id", "BIGINT NOT NULL"), ("step", "BIGINT")]))


@pytest.fixture(scope="session")
def program() -> Callable[..., Program]:
    """Makes a role's program that runs a function of `tf_programs`."""

    def make(
        entrypoint: str,
        *,
        input: Layout | None = INPUT,  # noqa: A002
        output: Layout | None = OUTPUT,
        **params: Any,
    ) -> Program:
        return Program(
            TFRunner(f"tf_programs:{entrypoint}", params, python_path=(str(HERE),)),
            None if input is None else input.to_json(),
            None if output is None else output.to_json(),
            max_delay_s=0.005,
        )

    return make


@pytest.fixture(scope="session")
def start() -> Callable[..., LocalCluster]:
    """Makes a cluster of workers."""

    def make(program: Program, parallelism: int) -> LocalCluster:
        role = LocalRole(RoleSpec("worker", parallelism), program)
        return LocalCluster([role], restart=RestartPolicy(budget=0))

    return make


@pytest.fixture(scope="session")
def feed() -> Callable[..., None]:
    """Sends rows; the values of a row follow from its id."""

    def send(flink: FlinkEnd | None, rows: range, frame: int) -> None:
        assert flink is not None
        for first in range(rows.start, rows.stop, frame):
            ids = np.arange(first, min(first + frame, rows.stop))
            flink.feed(timeout_s=60, id=ids, x=np.stack([np.sin(ids), np.cos(3 * ids)], axis=1))

    return send
