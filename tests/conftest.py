"""Shared fixtures."""

from __future__ import annotations

import warnings

import pytest


@pytest.fixture(scope="session")
def gateway() -> None:
    """The JVM that PyFlink starts once a session; its own start-up warnings are not ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pyflink.java_gateway import get_gateway  # noqa: PLC0415 - unit tests need no JVM

        get_gateway()
