"""The example's modules, importable as they are for its own programs; and its data, prepared once."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "flight_delay"
sys.path.insert(0, str(EXAMPLE))

FIRST = 4_000
"""Enough departures to hold some without weather."""


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("flight_delay")


@pytest.fixture(scope="session")
def year(data_folder: Path) -> Path:
    """The prepared files of all departures."""
    import dataset  # noqa: PLC0415 - after the path above

    return dataset.prepare(data_folder)


@pytest.fixture(scope="session")
def first(data_folder: Path) -> Path:
    """The prepared files of the first departures."""
    import dataset  # noqa: PLC0415 - after the path above

    return dataset.prepare(data_folder, FIRST)
