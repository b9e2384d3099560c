"""A REST API that answers what it is told to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.fake_flink import FakeFlink

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def flink_rest() -> Iterator[FakeFlink]:
    with FakeFlink().serving() as fake:
        yield fake
