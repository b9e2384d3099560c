"""Shared fixtures."""

from __future__ import annotations

import os
import subprocess
import warnings
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterator


settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def job_programs_may_start() -> Iterator[None]:
    """PyFlink's worker, which runs in this process, forbids it, and all that it starts, to plan jobs."""
    yield
    os.environ.pop("PYFLINK_GATEWAY_DISABLED", None)


@pytest.fixture(scope="session")
def gateway() -> Iterator[None]:
    """The JVM that PyFlink starts once a session; its own start-up warnings are not ours.

    PyFlink drops the process object without closing its pipes; the standard library keeps it until it ends.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pyflink.java_gateway import get_gateway  # noqa: PLC0415 - unit tests need no JVM

        get_gateway()
    dropped = list(subprocess._active)
    yield
    for process in dropped:
        for pipe in (process.stdin, process.stderr):
            pipe.close()
