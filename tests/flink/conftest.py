"""Jobs on an embedded cluster, all in the gateway's one JVM; each leaves nothing behind."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from support.flink import Flink, make_flink, ours
from support.sql import save_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CLEAN_WITHIN_S = 5.0


@pytest.fixture(scope="session", autouse=True)
def _gateway(gateway: None) -> None:
    """Start the JVM before the first test."""


@pytest.fixture(autouse=True)
def leaves_nothing() -> Iterator[None]:
    """Five seconds after a job's end there is no process, file or segment of ours."""
    assert_clean_within(3 * CLEAN_WITHIN_S)  # of a test elsewhere that does not wait for it
    yield
    assert_clean_within(CLEAN_WITHIN_S)


def assert_clean_within(limit_s: float) -> None:
    deadline = time.monotonic() + limit_s
    while left := ours():
        assert time.monotonic() < deadline, left
        time.sleep(0.05)  # the end of somebody else's process has no event to wait for


@pytest.fixture
def flink() -> Flink:
    """An environment with an application master planned."""
    return make_flink()


@pytest.fixture
def line(tmp_path: Path) -> Path:
    """A model in ONNX, 3 · x."""
    return save_line(3.0, tmp_path / "line.onnx")
