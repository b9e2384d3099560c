"""Planning needs the gateway's JVM, and no cluster."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session", autouse=True)
def _gateway(gateway: None) -> None:
    """Start the JVM before the first test."""
